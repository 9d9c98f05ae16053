import { sql } from 'kysely'
import type { Migration } from '../migration.ts'

/** Relays of the mesh that run elsewhere than beside the coordinator. */
export const relays: Migration = {
  version: 5,
  async up(transaction, { integer, tableEnd }) {
    await transaction.schema
      .createTable('relays')
      .addColumn('id', 'text', (c) => c.primaryKey().notNull())
      .addColumn('places', 'text', (c) => c.notNull())
      .addColumn('stun_port', integer)
      .addColumn('added', integer, (c) => c.notNull())
      .modifyEnd(sql.raw(tableEnd))
      .execute()
  },
}
