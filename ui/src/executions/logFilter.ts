/** Which lines of a log are shown; a log that grows is not looked through anew. */
import type { ExecutionEvent } from '@/api/types'
import { comparable } from '@/layout/comparable'

import { GrowingList } from './growingList'
import { KINDS, kindOf, logEntry, type Kind } from './logEntries'

export interface LogFilter {
  readonly kinds: ReadonlySet<Kind>
  /** What a line must hold, whatever its case; blank for any. */
  readonly text: string
}

/** Pieces of the answer are the many that say little by themselves. */
export const WITHOUT_DELTAS: LogFilter = {
  kinds: new Set(KINDS.filter((kind) => kind !== 'delta')),
  text: '',
}

export interface FilteredLog {
  readonly filter: LogFilter
  /** How many events were looked at. */
  readonly seen: number
  readonly shown: GrowingList<ExecutionEvent>
}

/** The events that pass; `before` is what passed earlier of the same log. */
export function filtered(
  events: GrowingList<ExecutionEvent>,
  filter: LogFilter,
  before?: FilteredLog,
): FilteredLog {
  const goesOn = before?.filter === filter && before.seen <= events.length
  let shown = goesOn ? before.shown : GrowingList.empty<ExecutionEvent>()
  const wanted = comparable(filter.text.trim())
  for (const event of events.from(goesOn ? before.seen : 0)) {
    if (filter.kinds.has(kindOf(event)) && (wanted === '' || holds(event, wanted))) {
      shown = shown.with(event)
    }
  }
  return { filter, seen: events.length, shown }
}

function holds(event: ExecutionEvent, wanted: string): boolean {
  const { tag, text, trouble = '' } = logEntry(event)
  return comparable(`${tag} ${text} ${trouble}`).includes(wanted)
}

/** How many events there are of each kind, going on from what was counted `before`. */
export interface KindCounts {
  readonly seen: number
  readonly counts: Readonly<Record<Kind, number>>
}

const NONE: KindCounts = { seen: 0, counts: { life: 0, progress: 0, step: 0, delta: 0, message: 0 } }

export function counted(events: GrowingList<ExecutionEvent>, before: KindCounts = NONE): KindCounts {
  const start = before.seen <= events.length ? before : NONE
  const counts = { ...start.counts }
  for (const event of events.from(start.seen)) {
    counts[kindOf(event)] += 1
  }
  return { seen: events.length, counts }
}

/** The last event of a log that is more than a piece of the answer, going on from what was looked at `before`. */
export interface NewestLine {
  readonly seen: number
  readonly event: ExecutionEvent | null
}

const NO_LINE: NewestLine = { seen: 0, event: null }

export function newestLine(events: GrowingList<ExecutionEvent>, before: NewestLine = NO_LINE): NewestLine {
  const start = before.seen <= events.length ? before : NO_LINE
  let { event } = start
  for (const one of events.from(start.seen)) {
    event = kindOf(one) === 'delta' ? event : one
  }
  return { seen: events.length, event }
}
