/** The daemon of a device: runs its node, keeps its state, and answers at its socket. */
export { AgentError, type AgentErrorCode } from './agent-error.ts'
export type { AgentStatus } from './agent-status.ts'
export type { ControlAnswers, PingLine } from './control-answers.ts'
export { type RunAgentOptions, type RunningAgent, runAgent } from './run-agent.ts'
