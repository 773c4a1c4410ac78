/** The lines of the log: one for each event. */
import type { AgentEvent, ExecutionEvent } from '@/api/types'

import { stopReceipt } from './stopReceipt'

/** What a log can be filtered by. */
export type Kind = 'life' | 'progress' | 'step' | 'delta' | 'message'

export type Tone = 'progress' | 'step' | 'delta' | 'message' | 'good' | 'bad' | 'warn'

export interface LogEntry {
  readonly tag: string
  readonly tone: Tone
  readonly text: string
  /** What went wrong, where the line tells of an attempt that failed. */
  readonly trouble?: string
}

/** A line shows the beginning of a long text; the event behind it has it all. */
const LONGEST_TEXT = 600

export const KINDS: readonly Kind[] = ['life', 'progress', 'step', 'message', 'delta']

export function kindOf(event: ExecutionEvent): Kind {
  if (event.type !== 'agent_event') {
    return 'life'
  }
  // What an API newer than this page says is shown rather than hidden.
  return KINDS.includes(event.event_type) ? event.event_type : 'progress'
}

export function logEntry(event: ExecutionEvent): LogEntry {
  switch (event.type) {
    case 'execution_started':
      return { tag: 'Started', tone: 'progress', text: 'Accepted.' }
    case 'agent_event':
      return agentEntry(event)
    case 'execution_completed':
      return { tag: 'Completed', tone: 'good', text: `Answered by ${event.output_data.generator}.` }
    case 'execution_error':
      return { tag: 'Error', tone: 'bad', text: event.message, trouble: event.code }
    case 'execution_stopped':
      return { tag: 'Stopped', tone: 'warn', text: `${event.message} (${stopReceipt(event)})` }
    default:
      return unknown(event)
  }
}

function agentEntry(event: AgentEvent): LogEntry {
  switch (event.event_type) {
    case 'progress':
      return { tag: '[PROGRESS]', tone: 'progress', ...progressed(event.content) }
    case 'step':
      return { tag: '[STEP]', tone: 'step', text: event.content.message }
    case 'delta':
      return {
        tag: '[DELTA]',
        tone: 'delta',
        text: `${event.content.offset} ${beginning(event.content.text)}`,
      }
    case 'message':
      return { tag: '[MESSAGE]', tone: 'message', text: beginning(event.content.text) }
    default:
      return unknown(event)
  }
}

/** An API newer than this page may say things we do not know yet. */
function unknown(event: never): LogEntry {
  const { type } = event as ExecutionEvent
  return { tag: type, tone: 'progress', text: 'Unknown event; reload the page to update it.' }
}

function beginning(text: string): string {
  return text.length <= LONGEST_TEXT ? text : `${text.slice(0, LONGEST_TEXT)}…`
}

/** A failed attempt is said once: that it failed and when the next begins, and why. */
function progressed({
  message,
  attempt,
  error,
  retry_in_seconds,
}: Extract<AgentEvent, { event_type: 'progress' }>['content']): Pick<LogEntry, 'text' | 'trouble'> {
  if (typeof attempt !== 'number' || typeof error !== 'string') {
    return { text: message }
  }
  const next = typeof retry_in_seconds === 'number' ? `; next in ${seconds(retry_in_seconds)}` : ''
  return { text: `Attempt ${attempt} failed${next}`, trouble: error }
}

function seconds(value: number): string {
  return `${Number(value.toFixed(value < 10 ? 1 : 0))} s`
}
