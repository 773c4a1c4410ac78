/** The lines of the live log; a delta has none, because it grows the answer instead. */
import type { AgentEvent, ExecutionEvent } from '@/api/types'

import { stopReceipt } from './stopReceipt'

export type Tag = '[PROGRESS]' | '[MESSAGE]' | '[STEP]' | 'Started' | 'Completed' | 'Error' | 'Stopped'

export interface LogEntry {
  readonly sequence: number
  readonly timestamp: string
  readonly tag: Tag
  readonly text: string
  /** What went wrong, where the line tells of an attempt that failed. */
  readonly trouble?: string
}

export function logEntry(event: ExecutionEvent): LogEntry | null {
  const { sequence, timestamp } = event
  switch (event.type) {
    case 'execution_started':
      return { sequence, timestamp, tag: 'Started', text: 'The start was accepted.' }
    case 'agent_event':
      return agentEntry(event)
    case 'execution_completed':
      return { sequence, timestamp, tag: 'Completed', text: `Answered by ${event.output_data.generator}.` }
    case 'execution_error':
      return { sequence, timestamp, tag: 'Error', text: event.message, trouble: event.code }
    case 'execution_stopped':
      return { sequence, timestamp, tag: 'Stopped', text: `${event.message} (${stopReceipt(event)})` }
    default:
      return null
  }
}

function agentEntry(event: AgentEvent): LogEntry | null {
  const { sequence, timestamp } = event
  switch (event.event_type) {
    case 'progress':
      return {
        sequence,
        timestamp,
        tag: '[PROGRESS]',
        text: event.content.message,
        ...attempted(event.content),
      }
    case 'step':
      return { sequence, timestamp, tag: '[STEP]', text: event.content.message }
    case 'message':
      return { sequence, timestamp, tag: '[MESSAGE]', text: event.content.text }
    default:
      return null
  }
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
