export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>

/** One line for each change of state at info; addresses at debug only; `event` is a fixed text, what varies is a field. */
export interface Logger {
  debug(event: string, fields?: LogFields): void
  info(event: string, fields?: LogFields): void
  warn(event: string, fields?: LogFields): void
  error(event: string, fields?: LogFields): void
}

export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} }
