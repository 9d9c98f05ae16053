import { describePath, type PingLine } from '../agent-answers.ts'
import { type AgentOptions, askAgent } from '../ask.ts'
import { CliError, oneLine } from '../failure.ts'
import { formatRoundTrip } from '../format.ts'
import { nameText } from '../name-text.ts'
import { stopSignal } from '../stop-signal.ts'
import { printJson, say } from '../terminal.ts'

interface PingOptions extends AgentOptions {
  readonly count?: number
  /** In ms. */
  readonly interval: number
  readonly untilDirect?: boolean
  readonly json?: boolean
}

/** @throws {CliError} `no-answer` where none came at all. */
export async function ping(peer: string, options: PingOptions): Promise<void> {
  const signal = stopSignal()
  const times: (number | undefined)[] = []
  let isDirect = false
  const onLine = (line: unknown): void => {
    const answer = line as PingLine
    times.push(answer.rttMs)
    isDirect = answer.path.kind === 'direct'
    if (options.json) printJson(answer)
    else say(pingLine(peer, answer))
  }
  const params = {
    peer,
    count: options.count ?? 0,
    intervalMs: options.interval,
    untilDirect: options.untilDirect ?? false,
  }
  try {
    await askAgent(options, 'ping', params, { signal, onLine })
  } catch (error) {
    if (!signal.aborted) throw error
  }
  if (options.json) printJson(summarise(times))
  else say(summaryLine(peer, summarise(times)))
  if (!times.some((time) => time !== undefined))
    throw new CliError('no-answer', `${nameText(peer)} did not answer; is it up? weft status shows its path`)
  if (options.untilDirect && !isDirect)
    throw new CliError(
      'not-direct',
      `${nameText(peer)} is reached by relay only; weft netcheck tells what stands in between`,
    )
}

export interface PingSummary {
  readonly sent: number
  readonly received: number
  readonly minMs?: number
  readonly averageMs?: number
  readonly maxMs?: number
}

export function summarise(times: readonly (number | undefined)[]): PingSummary {
  const answered = times.filter((time) => time !== undefined)
  const counts = { sent: times.length, received: answered.length }
  if (answered.length === 0) return counts
  const sum = answered.reduce((total, time) => total + time, 0)
  return {
    ...counts,
    minMs: answered.reduce((least, time) => Math.min(least, time)),
    averageMs: sum / answered.length,
    maxMs: answered.reduce((most, time) => Math.max(most, time)),
  }
}

export function pingLine(peer: string, answer: PingLine): string {
  if (answer.rttMs === undefined) return `${nameText(peer)} (${answer.address}): ${answer.sequence}: no answer`
  const path = oneLine(describePath(answer.path))
  return `${nameText(peer)} (${answer.address}): ${answer.sequence}: ${formatRoundTrip(answer.rttMs)}, ${path}`
}

export function summaryLine(peer: string, summary: PingSummary): string {
  const { sent, received, minMs, averageMs, maxMs } = summary
  const loss = sent === 0 ? 0 : Math.round(((sent - received) / sent) * 100)
  const spread =
    averageMs === undefined
      ? ''
      : `; least ${formatRoundTrip(minMs)}, average ${formatRoundTrip(averageMs)}, most ${formatRoundTrip(maxMs)}`
  return `${nameText(peer)}: ${received} of ${sent} answered, ${loss} % lost${spread}`
}
