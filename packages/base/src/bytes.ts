const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const whole = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** Compares in time that depends on the lengths only. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0)
  return difference === 0
}

export function isZero(bytes: Uint8Array): boolean {
  let any = 0
  for (const byte of bytes) any |= byte
  return any === 0
}

export const toHex = (bytes: Uint8Array): string => bytes.toHex()
export const toBase64 = (bytes: Uint8Array): string => bytes.toBase64()
export const toBase64Url = (bytes: Uint8Array): string => bytes.toBase64({ alphabet: 'base64url', omitPadding: true })

/** The bytes, or `undefined` where the text is not hexadecimal of whole bytes. */
export function fromHex(text: string): Uint8Array | undefined {
  return /^(?:[0-9a-fA-F]{2})*$/.test(text) ? Uint8Array.fromHex(text) : undefined
}

/** The bytes, or `undefined` where the text is not the one canonical padded base64 of any bytes. */
export function fromBase64(text: string): Uint8Array | undefined {
  return decodeBase64(text, 'base64', (bytes) => toBase64(bytes))
}

/** The bytes, or `undefined` where the text is not the one canonical unpadded base64url of any bytes. */
export function fromBase64Url(text: string): Uint8Array | undefined {
  return decodeBase64(text, 'base64url', (bytes) => toBase64Url(bytes))
}

function decodeBase64(
  text: string,
  alphabet: 'base64' | 'base64url',
  encode: (bytes: Uint8Array) => string,
): Uint8Array | undefined {
  try {
    const bytes = Uint8Array.fromBase64(text, { alphabet })
    return encode(bytes) === text ? bytes : undefined
  } catch {
    return undefined
  }
}

export const utf8 = (text: string): Uint8Array => encoder.encode(text)

/** The text, or `undefined` where the bytes are not UTF-8. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
