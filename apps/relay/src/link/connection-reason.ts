/** Why a connection could not be made, or broke, for people. */
export function reasonOf(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  switch (code) {
    case 'ECONNREFUSED':
      return 'nothing listens there'
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'there is no way to it'
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'its name is not known'
    case 'ETIMEDOUT':
      return 'it does not answer'
    default:
      return /timed out/.test(error.message) ? 'it does not answer' : error.message
  }
}
