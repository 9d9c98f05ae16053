import { sql } from 'kysely'
import type { Migration } from '../migration.ts'

/** The epochs that numbers were given in, so that a copy of the database that goes on elsewhere is noticed. */
export const epochs: Migration = {
  version: 3,
  async up(transaction, { integer, tableEnd }) {
    await transaction.schema
      .createTable('epochs')
      .addColumn('place', integer, (c) => c.primaryKey().notNull())
      .addColumn('id', 'text', (c) => c.notNull().unique())
      .addColumn('first', integer, (c) => c.notNull())
      .modifyEnd(sql.raw(tableEnd))
      .execute()
    await sql`insert into epochs (place, id, first) select 1, epoch, 1 from mesh`.execute(transaction)
    await transaction.schema.alterTable('mesh').addColumn('copied', integer).execute()
  },
}
