/** WireGuard's cross-platform configuration protocol as a codec, and the device that it configures as a core. */
export type { ClientId, WgInput, WgOutput } from './device-interface.ts'
export { ERRNO, type Errno } from './errno.ts'
export type { AllowedIpChange, DeviceChange, PeerChange, Request } from './request.ts'
export { RequestReader } from './request-reader.ts'
export { WgDevice } from './wg-device.ts'
