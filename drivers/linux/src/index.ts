/** Linux: interfaces, addresses and routes by rtnetlink, and the system clock. */
export { InterfaceError, type InterfaceErrorCode } from './interface-error.ts'
export { InterfaceMtu } from './interface-mtu.ts'
export { type LocalAddress, localAddresses } from './local-addresses.ts'
export { NetworkInterface } from './network-interface.ts'
export { NetworkWatch } from './network-watch.ts'
export { ServiceManager } from './service-manager.ts'
export { systemAlarm, systemClock } from './system-clock.ts'
