/** The sockets by which other resolvers are asked: the one place where they are opened. */
export { DnsClient, type DnsClientOptions } from './dns-client.ts'
