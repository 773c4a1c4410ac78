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
      return { tag: 'Started', tone: 'progress', text: 'The start was accepted.' }
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
      return {
        tag: '[PROGRESS]',
        tone: 'progress',
        text: event.content.message,
        ...attempted(event.content),
      }
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
  return { tag: type, tone: 'progress', text: 'An event that this page does not know yet.' }
}

function beginning(text: string): string {
  return text.length <= LONGEST_TEXT ? text : `${text.slice(0, LONGEST_TEXT)}…`
}

function attempted(content: Extract<AgentEvent, { event_type: 'progress' }>['content']): {
  trouble?: string
} {
  if (content.error === null || content.error === undefined) {
    return {}
  }
  const attempt = typeof content.attempt === 'number' ? `Attempt ${content.attempt}: ` : ''
  const again =
    typeof content.retry_in_seconds === 'number' ? ` — again in ${seconds(content.retry_in_seconds)}` : ''
  return { trouble: `${attempt}${content.error}${again}` }
}

function seconds(value: number): string {
  return `${Number(value.toFixed(value < 10 ? 2 : 0))} s`
}
