/** Where an execution's time went, told from its events. */
import type { AgentEvent, ExecutionEvent, Stage } from '@/api/types'

export type SpanKind = 'queue' | 'stage' | 'attempt' | 'wait' | 'prepare' | 'first' | 'write'

export interface Span {
  readonly kind: SpanKind
  readonly label: string
  /** Part of a stage, and shown below it. */
  readonly isPart: boolean
  /** Milliseconds since the start. */
  readonly from: number
  /** Null while it goes on. */
  readonly to: number | null
  /** Why it came to nothing. */
  readonly trouble: string | null
}

export interface Timeline {
  readonly startedAt: number | null
  /** Null while the execution goes on. */
  readonly total: number | null
  readonly spans: readonly Span[]
  /** How long it waited for a worker. */
  readonly queued: number | null
  /** From the start to the first piece of the answer. */
  readonly firstToken: number | null
  readonly tokensPerSecond: number | null
  /** Attempts that failed. */
  readonly failures: number
  /** How long it waited to try again. */
  readonly waited: number
}

const NAMES: Record<Stage, string> = {
  initializing: 'Preparing',
  retrieving: 'Retrieving',
  generating: 'Generating',
  saving: 'Saving',
}
/** Shorter writing than this says nothing of a speed: the answer came in one piece. */
const SHORTEST_WRITING = 50

/** Draws the spans one after the other; it is used within `timeline` only. */
class Drawing {
  readonly spans: Span[] = []
  private stage: Stage | null = null
  private stageAt: number | null = null
  private partAt: number | null = null
  private attempt = 1
  firstToken: number | null = null

  begin(): void {
    this.stageAt = this.open('queue', 'Queued', false, 0)
  }

  progress(now: number, content: Extract<AgentEvent, { event_type: 'progress' }>['content']): void {
    if (typeof content.attempt === 'number' && typeof content.error === 'string') {
      this.failed(now, content.attempt, content.error, content.retry_in_seconds ?? 0)
    } else if (this.stage === 'generating' && content.stage === 'initializing') {
      this.part(now, 'prepare', content.message)
    } else if (content.stage === this.stage) {
      this.resume(now)
    } else {
      this.enter(now, content.stage)
    }
  }

  wrote(now: number): void {
    this.resume(now)
    this.firstToken ??= now
    if (this.stage === 'generating' && this.openPart()?.kind !== 'write') {
      this.part(now, 'write', this.attempt > 1 ? named('write', this.attempt) : 'Writing')
    }
  }

  end(now: number, trouble: string | null): void {
    this.close(this.partAt, now, null)
    this.close(this.stageAt, now, trouble)
    this.partAt = this.stageAt = null
  }

  partEnds(now: number): void {
    this.leaveWait(now)
    this.close(this.partAt, now, null)
    this.partAt = null
  }

  private enter(now: number, stage: Stage): void {
    this.leaveWait(now)
    this.end(now, null)
    this.stage = stage
    this.attempt = 1
    this.stageAt = this.open('stage', NAMES[stage], false, now)
    if (stage === 'generating') {
      this.part(now, 'first', 'Waiting for the first token')
    }
  }

  private failed(now: number, attempt: number, error: string, again: number): void {
    this.leaveWait(now)
    const part = this.openPart()
    if (part === null) {
      const from = this.stageAt === null ? now : (this.spans[this.stageAt]?.from ?? now)
      this.part(from, 'attempt', `Attempt ${attempt}`)
    }
    this.close(this.partAt, now, error, attempt)
    this.partAt = this.open('wait', 'Waiting to retry', true, now, now + again * 1_000)
    this.attempt = attempt + 1
  }

  /** After a wait, whatever comes belongs to the next attempt. */
  leaveWait(now: number): void {
    const part = this.openPart()
    if (part?.kind === 'wait') {
      const from = Math.min(part.to ?? now, now)
      this.close(this.partAt, from, null)
      this.partAt = null
      this.part(from, this.stage === 'generating' ? 'first' : 'attempt', named('attempt', this.attempt))
    }
  }

  private resume(now: number): void {
    this.leaveWait(now)
    if (this.openPart()?.kind === 'prepare') {
      this.part(now, 'first', 'Waiting for the first token')
    }
  }

  private part(now: number, kind: SpanKind, label: string): void {
    this.partEnds(now)
    this.partAt = this.open(kind, label, true, now)
  }

  private openPart(): Span | null {
    return this.partAt === null ? null : (this.spans[this.partAt] ?? null)
  }

  private open(
    kind: SpanKind,
    label: string,
    isPart: boolean,
    from: number,
    to: number | null = null,
  ): number {
    this.spans.push({ kind, label, isPart, from, to, trouble: null })
    return this.spans.length - 1
  }

  /** `attempt` is the number of the one that failed here. */
  private close(
    place: number | null,
    now: number,
    trouble: string | null,
    attempt: number | null = null,
  ): void {
    const span = place === null ? undefined : this.spans[place]
    if (place !== null && span !== undefined) {
      const to = Math.max(span.from, Math.min(span.to ?? now, now))
      this.spans[place] = {
        ...span,
        to,
        trouble,
        label: attempt === null ? span.label : named(span.kind, attempt),
      }
    }
  }
}

function named(kind: SpanKind, attempt: number): string {
  return kind === 'write' ? `Writing, attempt ${attempt}` : `Attempt ${attempt}`
}

export function timeline(events: Iterable<ExecutionEvent>): Timeline {
  const drawing = new Drawing()
  let startedAt: number | null = null
  let total: number | null = null
  let tokens: number | null = null
  for (const event of events) {
    const moment = Date.parse(event.timestamp)
    startedAt ??= moment
    const now = Math.max(0, moment - startedAt)
    switch (event.type) {
      case 'execution_started':
        drawing.begin()
        break
      case 'agent_event':
        happened(drawing, now, event)
        break
      default:
        total = now
        tokens = event.type === 'execution_completed' ? event.output_data.usage.completion_tokens : null
        drawing.end(now, event.type === 'execution_error' ? event.message : null)
    }
  }
  return { startedAt, total, ...told(drawing, tokens) }
}

function happened(drawing: Drawing, now: number, event: AgentEvent): void {
  switch (event.event_type) {
    case 'progress':
      drawing.progress(now, event.content)
      break
    case 'delta':
      drawing.wrote(now)
      break
    case 'message':
      drawing.partEnds(now)
      break
    case 'step':
      drawing.leaveWait(now)
      break
    default:
      break
  }
}

function told(drawing: Drawing, tokens: number | null): Omit<Timeline, 'startedAt' | 'total'> {
  const { spans, firstToken } = drawing
  const length = (kind: SpanKind) =>
    spans.filter((span) => span.kind === kind).reduce((sum, { from, to }) => sum + ((to ?? from) - from), 0)
  const writing = length('write')
  return {
    spans,
    queued: spans[0]?.to ?? null,
    firstToken,
    tokensPerSecond: tokens === null || writing < SHORTEST_WRITING ? null : tokens / (writing / 1_000),
    failures: spans.filter(({ kind, trouble }) => trouble !== null && kind !== 'stage' && kind !== 'queue')
      .length,
    waited: length('wait'),
  }
}
