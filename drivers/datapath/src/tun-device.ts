import { addressOf, bind, checked, closeDescriptor, errnoCode, SystemError } from '@weft/native'
import { VIRTIO_HEADER } from '@weft/packet'
import { LaneError } from './lane-error.ts'
import { NO_OFFLOADS, PacketPort, type PortOffloads } from './packet-port.ts'

const open = bind('int open(str path, int flags)')
const ioctl = bind('int ioctl(int fd, ulong request, uintptr_t argument)')
const socket = bind('int socket(int family, int type, int protocol)')

const O_RDWR_NONBLOCK_CLOEXEC = 0o2 | 0o4000 | 0o2000000
const AF_INET = 2
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000
const TUNSETIFF = 0x400454ca
const TUNGETIFF = 0x800454d2
const TUNSETVNETHDRSZ = 0x400454d8
const SIOCSIFMTU = 0x8922
const TUNSETOFFLOAD = 0x400454d0
const IFF_TUN = 0x0001
const IFF_TAP = 0x0002
const IFF_NO_PI = 0x1000
const IFF_TUN_NO_PI = IFF_TUN | IFF_NO_PI
const IFF_VNET_HDR = 0x4000
/** TUN_F_CSUM, TSO4, TSO6, TSO_ECN. */
const OFFLOAD_TCP = 0x01 | 0x02 | 0x04 | 0x08
/** TUN_F_USO4, USO6: Linux 6.2 and up. */
const OFFLOAD_UDP = 0x20 | 0x40
/** `struct ifreq`: the name with a zero behind, then what the request is about. */
const IFREQ_BYTES = 40
const NAME_BYTES = 16

/** The packet port of a TUN interface and the interface's name. Closing the port removes the interface. */
export interface TunDevice {
  readonly port: PacketPort
  readonly name: string
}

/** Makes the interface, down and without addresses; `%d` in the name becomes a free number. `isPlain`: one packet a read, without virtio header. Throws a `LaneError`. */
export function openTun(name: string, mtu: number, isPlain = false): TunDevice {
  if (!/^[^\s/:]{1,15}$/.test(name) || name === '.' || name === '..')
    throw new LaneError(
      'tun-name-refused',
      `"${name}" is no interface name: give 1 to 15 characters without space, / or :`,
    )
  let fd = -1
  try {
    fd = checked('open', open('/dev/net/tun', O_RDWR_NONBLOCK_CLOEXEC))
    const { taken, offloads } = attach(fd, name, isPlain)
    setMtu(taken, mtu)
    return { port: new PacketPort(fd, offloads), name: taken }
  } catch (error) {
    if (fd >= 0) closeDescriptor(fd)
    throw error instanceof SystemError ? refused(name, error) : error
  }
}

/** A TUN that another program made, with the offloads that its descriptor has room for. Throws a `LaneError`, and leaves it open then. */
export function adoptTun(fd: number): TunDevice {
  const request = new Uint8Array(IFREQ_BYTES)
  if (ioctl(fd, TUNGETIFF, addressOf(request)) < 0)
    throw new LaneError('port-refused', `descriptor ${fd} is no TUN (${errnoCode()}): hand in one that is attached`)
  const name = nameIn(request)
  const flags = new DataView(request.buffer).getUint16(NAME_BYTES, true)
  if ((flags & IFF_TAP) !== 0 || (flags & IFF_NO_PI) === 0)
    throw new LaneError(
      'port-refused',
      `cannot use ${name} on descriptor ${fd}: it is not a TUN without packet information: make it with IFF_TUN | IFF_NO_PI`,
    )
  try {
    if ((flags & IFF_VNET_HDR) === 0) return { port: new PacketPort(fd), name }
    checked('TUNSETVNETHDRSZ', ioctl(fd, TUNSETVNETHDRSZ, addressOf(Int32Array.of(VIRTIO_HEADER))))
    return { port: new PacketPort(fd, enableOffloads(fd)), name }
  } catch (error) {
    throw error instanceof SystemError ? refused(name, error) : error
  }
}

/** With every offload that the kernel has; without where it has none. */
function attach(
  fd: number,
  name: string,
  isPlain: boolean,
): { readonly taken: string; readonly offloads: PortOffloads } {
  const request = interfaceRequest(name)
  const flags = new DataView(request.buffer)
  flags.setUint16(NAME_BYTES, IFF_TUN_NO_PI | IFF_VNET_HDR, true)
  const hasHeader = !isPlain && ioctl(fd, TUNSETIFF, addressOf(request)) >= 0
  if (!hasHeader) {
    if (!isPlain && errnoCode() !== 'EINVAL') throw new SystemError('TUNSETIFF', errnoCode())
    flags.setUint16(NAME_BYTES, IFF_TUN_NO_PI, true)
    checked('TUNSETIFF', ioctl(fd, TUNSETIFF, addressOf(request)))
  }
  return { taken: nameIn(request), offloads: hasHeader ? enableOffloads(fd) : NO_OFFLOADS }
}

function enableOffloads(fd: number): PortOffloads {
  if (ioctl(fd, TUNSETOFFLOAD, OFFLOAD_TCP | OFFLOAD_UDP) >= 0) return { virtioHeader: true, udpSegments: true }
  // Where even that is refused the header stays, and every packet comes whole.
  ioctl(fd, TUNSETOFFLOAD, OFFLOAD_TCP)
  return { virtioHeader: true, udpSegments: false }
}

function setMtu(name: string, mtu: number): void {
  const request = interfaceRequest(name)
  new DataView(request.buffer).setInt32(NAME_BYTES, mtu, true)
  const any = checked('socket', socket(AF_INET, SOCK_DGRAM_CLOEXEC, 0))
  try {
    checked('SIOCSIFMTU', ioctl(any, SIOCSIFMTU, addressOf(request)))
  } finally {
    closeDescriptor(any)
  }
}

function nameIn(request: Uint8Array): string {
  return new TextDecoder().decode(request.subarray(0, request.indexOf(0)))
}

function interfaceRequest(name: string): Uint8Array {
  const request = new Uint8Array(IFREQ_BYTES)
  new TextEncoder().encodeInto(name, request.subarray(0, NAME_BYTES - 1))
  return request
}

function refused(name: string, cause: SystemError): LaneError {
  switch (cause.code) {
    case 'EPERM':
    case 'EACCES':
      return new LaneError(
        'tun-not-permitted',
        `cannot open ${name}: not permitted: run as root or give CAP_NET_ADMIN`,
        {
          cause,
        },
      )
    case 'EBUSY':
      return new LaneError('tun-busy', `cannot open ${name}: it is in use by another program: choose another name`, {
        cause,
      })
    case 'ENOENT':
    case 'ENODEV':
    case 'ENXIO':
      return new LaneError(
        'no-tun-device',
        `cannot open ${name}: there is no /dev/net/tun: load the kernel module tun, or let the container have the device`,
        { cause },
      )
    default:
      return new LaneError(
        'tun-name-refused',
        `cannot open ${name}: ${cause.message}: is there an interface of that name? choose another name`,
        { cause },
      )
  }
}
