import { type IpAddress, parseIp } from '@weft/base'
import { toAscii } from './idna.ts'

/** What somebody who typed a device means by it: a *name* is in the letters of the wire, without the domain. */
export type DeviceText =
  | { readonly kind: 'address'; readonly address: IpAddress }
  | { readonly kind: 'id'; readonly id: string }
  | { readonly kind: 'name'; readonly name: string }

/** Of a node: 128 bits in hexadecimal. No name reads so. */
const ID = /^[0-9a-f]{32}$/

/**
 * A device as people write it: an address, an id, or a name in letters of any language and either case, with the mesh's domain
 * or without; with it, whatever is below a device's name is that device, as the resolver has it. `undefined` for any other text.
 */
export function readDeviceText(text: string, domain: string | undefined): DeviceText | undefined {
  const address = parseIp(text)
  if (address !== undefined) return { kind: 'address', address }
  const whole = text.toLowerCase().replace(/\.$/, '')
  if (ID.test(whole)) return { kind: 'id', id: whole }
  const behind = `.${domain}`
  const label = whole.endsWith(behind) ? whole.slice(0, -behind.length).split('.').at(-1) : whole
  const name = toAscii(label ?? '')
  return name === undefined ? undefined : { kind: 'name', name }
}

export function refersTo(
  meant: DeviceText,
  device: { readonly id: string; readonly name: string | undefined; readonly addresses: readonly IpAddress[] },
): boolean {
  switch (meant.kind) {
    case 'address':
      return device.addresses.includes(meant.address)
    case 'id':
      return device.id === meant.id
    case 'name':
      return device.name === meant.name
  }
}
