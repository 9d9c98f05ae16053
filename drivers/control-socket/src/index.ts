/** Requests to a running program over its Unix socket: HTTP, JSON, and who asks is known from the kernel. */
export { callControl } from './control-client.ts'
export { ControlError, type ControlErrorCode } from './control-error.ts'
export { type ControlContext, type ControlMethod, controlMethod } from './control-method.ts'
export { type ControlRefusal, type ControlServer, serveControl } from './control-server.ts'
