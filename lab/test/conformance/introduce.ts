import type { WgInterface } from '../../src/index.ts'

export const PORT = 51820
const ALL = '10.0.0.0/24,fd00:a::/64'

/** Each is the other's only peer; the endpoint is what the first knows of the second. */
export async function introduce(
  one: WgInterface,
  other: WgInterface,
  options: { readonly endpoint: string; readonly psk?: readonly [string, string] },
): Promise<void> {
  await forgetPeers(one)
  await forgetPeers(other)
  const [psk, otherPsk] = options.psk ?? []
  const allowed = ['allowed-ips', ALL]
  const shared = (end: WgInterface, key: string | undefined) =>
    key === undefined ? [] : ['preshared-key', end.file(key)]
  await other.set('peer', one.keys.publicKey, ...shared(other, otherPsk), ...allowed)
  await one.set('peer', other.keys.publicKey, ...shared(one, psk), 'endpoint', options.endpoint, ...allowed)
}

async function forgetPeers(end: WgInterface): Promise<void> {
  for (const key of (await end.show('endpoints')).keys()) if (key !== '') await end.set('peer', key, 'remove')
}
