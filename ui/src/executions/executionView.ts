/** What a person sees of an execution: its events, folded one by one. */
import {
  isLive,
  type AgentEvent,
  type ExecutionEvent,
  type ExecutionStatus,
  type InputData,
  type OutputData,
  type Preview,
  type Source,
  type Stage,
} from '@/api/types'

import { codePointCount, utf16Index } from './codePoints'
import { GrowingList } from './growingList'
import { afterLog, withPreview, type Previewed } from './preview'
import { stopReceipt } from './stopReceipt'

export interface Failure {
  readonly message: string
  readonly code: string
}

/** The agent as an execution took it. */
export interface AnsweringAgent {
  readonly id: string
  readonly maxTokens: number
}

/** An attempt that failed, until the next one says something. */
export interface FailedAttempt {
  readonly number: number
  readonly error: string
  /** When the next one begins, in milliseconds since 1970. */
  readonly retryAt: number
}

export interface ExecutionView extends Previewed {
  readonly executionId: string
  /** The last sequence that is folded in. */
  readonly sequence: number
  readonly status: ExecutionStatus
  readonly stage: Stage | null
  /** What it is doing, in the words of the API. */
  readonly message: string | null
  readonly attempt: FailedAttempt | null
  readonly inputData: InputData | null
  /** When it was accepted. */
  readonly startedAt: string | null
  /** When a worker took it. */
  readonly beganAt: string | null
  readonly endedAt: string | null
  readonly sources: readonly Source[]
  readonly output: OutputData | null
  readonly failure: Failure | null
  /** How fast a stop was, and what it kept. */
  readonly receipt: string | null
  /** The whole log up to `sequence`. */
  readonly events: GrowingList<ExecutionEvent>
}

export function emptyView(executionId: string): ExecutionView {
  return {
    executionId,
    sequence: 0,
    status: 'queued',
    stage: null,
    message: null,
    attempt: null,
    inputData: null,
    startedAt: null,
    beganAt: null,
    endedAt: null,
    answer: '',
    answerLength: 0,
    ahead: null,
    sources: [],
    output: null,
    failure: null,
    receipt: null,
    events: GrowingList.empty(),
  }
}

/** How an event stands to what a view has: only the next one may be folded in. */
export function continuity(view: ExecutionView, event: ExecutionEvent): 'next' | 'seen' | 'gap' {
  if (event.sequence <= view.sequence) {
    return 'seen'
  }
  return event.sequence === view.sequence + 1 ? 'next' : 'gap'
}

export function applied(view: ExecutionView, event: ExecutionEvent): ExecutionView {
  if (continuity(view, event) !== 'next') {
    return view
  }
  const logged = { ...view, sequence: event.sequence, events: view.events.with(event) }
  switch (event.type) {
    case 'execution_started':
      return { ...logged, inputData: event.input_data, startedAt: event.timestamp }
    case 'agent_event':
      return withAgentEvent(
        { ...logged, status: 'running', attempt: null, beganAt: view.beganAt ?? event.timestamp },
        event,
      )
    case 'execution_completed':
      return ended(logged, 'completed', event.timestamp, event.output_data)
    case 'execution_error':
      return ended(withFailure(logged, event), 'failed', event.timestamp, event.output_data)
    case 'execution_stopped':
      return ended({ ...logged, receipt: stopReceipt(event) }, 'stopped', event.timestamp, event.output_data)
    default:
      return ignored(logged, event)
  }
}

/** A preview is part of no log: it changes what is shown of the answer, and nothing else. */
export function previewed(view: ExecutionView, { offset, text }: Preview): ExecutionView {
  return isLive(view.status) && view.sequence > 0 ? withPreview(view, offset, text) : view
}

function withAgentEvent(view: ExecutionView, event: AgentEvent): ExecutionView {
  switch (event.event_type) {
    case 'progress':
      return withProgress(view, event.content, event.timestamp)
    case 'step':
      return { ...view, sources: event.content.passages ?? view.sources }
    case 'delta':
      return withDelta(view, event.content.offset, event.content.text)
    case 'message':
      return withAnswer(view, event.content.text)
    default:
      return ignored(view, event)
  }
}

type Progress = Extract<AgentEvent, { event_type: 'progress' }>['content']

function withProgress(view: ExecutionView, content: Progress, timestamp: string): ExecutionView {
  const attempt = failedAttempt(content, timestamp)
  // What a failed attempt said beyond the log is not kept.
  const ahead = attempt === null ? view.ahead : null
  return { ...view, stage: content.stage, message: content.message, attempt, ahead }
}

function failedAttempt(
  { attempt, error, retry_in_seconds }: Progress,
  timestamp: string,
): FailedAttempt | null {
  return typeof attempt === 'number' && typeof error === 'string'
    ? { number: attempt, error, retryAt: Date.parse(timestamp) + (retry_in_seconds ?? 0) * 1_000 }
    : null
}

function withDelta(view: ExecutionView, offset: number, text: string): ExecutionView {
  const length = codePointCount(text)
  if (offset >= view.answerLength) {
    return afterLog({ ...view, answer: view.answer + text, answerLength: view.answerLength + length }, null)
  }
  const kept = view.answer.slice(0, utf16Index(view.answer, offset))
  return afterLog({ ...view, answer: kept + text, answerLength: offset + length }, offset)
}

function withAnswer(view: ExecutionView, answer: string): ExecutionView {
  return { ...view, answer, answerLength: codePointCount(answer), ahead: null }
}

function withFailure(view: ExecutionView, { message, code }: Failure): ExecutionView {
  return { ...view, failure: { message, code } }
}

function ended(
  view: ExecutionView,
  status: ExecutionStatus,
  endedAt: string,
  output: OutputData | null,
): ExecutionView {
  const over = { ...view, status, endedAt, stage: null, message: null, attempt: null, ahead: null, output }
  return output === null ? over : { ...withAnswer(over, output.answer), sources: output.sources }
}

/** An API newer than this page may say things we do not know yet. */
function ignored(view: ExecutionView, _unknown: never): ExecutionView {
  return view
}
