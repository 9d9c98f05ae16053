import { sql } from 'kysely'
import type { Migration } from '../migration.ts'

/** What was revoked, as it was signed, for as long as anybody must know. */
export const revocations: Migration = {
  version: 4,
  async up(transaction, { integer, bytes, tableEnd }) {
    const { schema } = transaction
    await schema
      .createTable('revocations')
      .addColumn('revoked', 'text', (c) => c.notNull())
      .addColumn('issuer', 'text', (c) => c.notNull())
      .addColumn('bytes', bytes, (c) => c.notNull())
      .addColumn('kept_until', integer, (c) => c.notNull())
      .addColumn('changed', integer, (c) => c.notNull())
      .addPrimaryKeyConstraint('revocations_once', ['revoked', 'issuer'])
      .modifyEnd(sql.raw(tableEnd))
      .execute()
    await schema.createIndex('revocations_by_changed').on('revocations').column('changed').execute()
  },
}
