import { sql } from 'kysely'
import type { Migration } from '../migration.ts'

/** The mesh's own DNS records, and since which number a netmap cannot be mended by changes any more. */
export const names: Migration = {
  version: 2,
  async up(transaction, { integer, tableEnd }) {
    const { schema } = transaction
    await schema
      .alterTable('mesh')
      .addColumn('whole_since', integer, (c) => c.notNull().defaultTo(0))
      .execute()
    await schema
      .createTable('records')
      .addColumn('name', 'text', (c) => c.notNull())
      .addColumn('type', 'text', (c) => c.notNull().check(sql`type in ('A', 'AAAA', 'CNAME', 'TXT')`))
      .addColumn('value', 'text', (c) => c.notNull())
      .addPrimaryKeyConstraint('records_once', ['name', 'type', 'value'])
      .modifyEnd(sql.raw(tableEnd))
      .execute()
  },
}
