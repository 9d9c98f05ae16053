import { type ColumnDataType, type CreateTableBuilder, sql } from 'kysely'
import type { Migration } from '../migration.ts'

/** Mesh, accounts, devices, links. Every device has an account from here on. */
export const firstTables: Migration = {
  version: 1,
  async up(transaction, dialect) {
    const { schema } = transaction
    const { integer, bytes } = dialect
    const end = <Table extends string, Column extends string>(table: CreateTableBuilder<Table, Column>) =>
      table.modifyEnd(sql.raw(dialect.tableEnd)).execute()
    const columns = { integer, bytes }

    await end(
      schema
        .createTable('mesh')
        .addColumn('one', integer, (c) => c.primaryKey().check(sql`one = 1`))
        .addColumn('id', 'text', (c) => c.notNull())
        .addColumn('root_key', 'text', (c) => c.notNull())
        .addColumn('address_range', 'text', (c) => c.notNull())
        .addColumn('epoch', 'text', (c) => c.notNull())
        .addColumn('number', integer, (c) => c.notNull())
        .addColumn('created', integer, (c) => c.notNull()),
    )
    await end(
      schema
        .createTable('accounts')
        .addColumn('id', 'text', (c) => c.primaryKey().notNull())
        .addColumn('name', 'text', (c) => c.notNull().unique())
        .addColumn('certificate', bytes, (c) => c.notNull())
        .addColumn('created', integer, (c) => c.notNull()),
    )
    await end(devicesTable(schema.createTable('devices'), columns))
    await schema.createIndex('devices_by_account').on('devices').column('account_id').execute()
    await schema.createIndex('devices_by_changed').on('devices').column('changed').execute()
    await end(linksTable(schema.createTable('links'), columns))
    await schema.createIndex('links_by_account').on('links').column('account_id').execute()
    await end(
      schema
        .createTable('link_uses')
        .addColumn('link_id', 'text', (c) => c.notNull().references('links.id'))
        .addColumn('device_id', 'text', (c) => c.notNull().references('devices.id').onDelete('cascade'))
        .addColumn('used', integer, (c) => c.notNull())
        .addPrimaryKeyConstraint('link_uses_once', ['link_id', 'device_id']),
    )
    await schema.createIndex('link_uses_by_device').on('link_uses').column('device_id').execute()
  },
}

interface Columns {
  readonly integer: ColumnDataType
  readonly bytes: ColumnDataType
}

function devicesTable(table: CreateTableBuilder<'devices'>, { integer, bytes }: Columns) {
  return table
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('account_id', 'text', (c) => c.notNull().references('accounts.id'))
    .addColumn('identity_key', 'text', (c) => c.notNull().unique())
    .addColumn('node_key', 'text', (c) => c.notNull().unique())
    .addColumn('channel_key', 'text', (c) => c.notNull().unique())
    .addColumn('record', bytes, (c) => c.notNull())
    .addColumn('chain', bytes, (c) => c.notNull())
    .addColumn('name', 'text', (c) => c.notNull().unique())
    .addColumn('address4', 'text', (c) => c.notNull().unique())
    .addColumn('endpoints', 'text', (c) => c.notNull())
    .addColumn('noted', 'text')
    .addColumn('online', integer, (c) => c.notNull().check(sql`online in (0, 1)`))
    .addColumn('created', integer, (c) => c.notNull())
    .addColumn('changed', integer, (c) => c.notNull())
}

function linksTable(table: CreateTableBuilder<'links'>, { integer, bytes }: Columns) {
  return table
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('key_hash', 'text', (c) => c.notNull().unique())
    .addColumn('account_id', 'text', (c) => c.notNull().references('accounts.id'))
    .addColumn('certificate', bytes, (c) => c.notNull())
    .addColumn('reusable', integer, (c) => c.notNull().check(sql`reusable in (0, 1)`))
    .addColumn('tags', 'text', (c) => c.notNull())
    .addColumn('printed_at_start', integer, (c) => c.notNull().check(sql`printed_at_start in (0, 1)`))
    .addColumn('created', integer, (c) => c.notNull())
    .addColumn('expires', integer, (c) => c.notNull())
    .addColumn('revoked', integer)
    .addColumn('uses', integer, (c) => c.notNull().check(sql`uses >= 0 and (uses <= 1 or reusable = 1)`))
}
