import { ControlError } from './control-error.ts'

/** `sun_path` without its closing zero byte (unix(7)). */
const MAX_PATH_BYTES = 107

export function checkPath(path: string): void {
  const length = Buffer.byteLength(path)
  if (length === 0 || length > MAX_PATH_BYTES)
    throw new ControlError(
      'socket-unusable',
      `the socket's path has ${length} bytes and a Unix socket's may have ${MAX_PATH_BYTES}: ${path}; choose a shorter one`,
    )
}
