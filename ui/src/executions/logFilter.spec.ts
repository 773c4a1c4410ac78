import { expect, test } from 'vitest'

import type { ExecutionEvent } from '@/api/types'
import { completed, delta, failed, FIRST, log, progress, started } from '@/testing/made'

import { GrowingList } from './growingList'
import { counted, filtered, newestLine, WITHOUT_DELTAS, type FilteredLog, type LogFilter } from './logFilter'

const EVENTS = log(
  FIRST,
  started(),
  progress({ stage: 'retrieving', message: 'Looking for passages.' }),
  progress({ stage: 'generating', message: 'It failed.', attempt: 1, error: 'Connection refused.' }),
  delta(0, 'Blood'),
  completed('Blood'),
)

function list(events: ExecutionEvent[]): GrowingList<ExecutionEvent> {
  return events.reduce((longer, event) => longer.with(event), GrowingList.empty<ExecutionEvent>())
}

function sequences({ shown }: FilteredLog): number[] {
  return Array.from(shown, ({ sequence }) => sequence)
}

test('pieces of the answer are not shown unless they are asked for', () => {
  const all: LogFilter = { kinds: new Set([...WITHOUT_DELTAS.kinds, 'delta']), text: '' }

  expect(sequences(filtered(list(EVENTS), WITHOUT_DELTAS))).toEqual([1, 2, 3, 5])
  expect(sequences(filtered(list(EVENTS), all))).toEqual([1, 2, 3, 4, 5])
})

test('a text is looked for in what a line says and in its trouble, whatever its case', () => {
  expect(sequences(filtered(list(EVENTS), { ...WITHOUT_DELTAS, text: ' refused ' }))).toEqual([3])
  expect(sequences(filtered(list(EVENTS), { ...WITHOUT_DELTAS, text: 'LOOKING' }))).toEqual([2])
})

test('a log that grows gives the same as one that is read as a whole', () => {
  const filter: LogFilter = { ...WITHOUT_DELTAS, text: 'o' }
  let growing = GrowingList.empty<ExecutionEvent>()
  let along: FilteredLog | undefined

  for (const event of EVENTS) {
    growing = growing.with(event)
    along = filtered(growing, filter, along)
  }

  expect(sequences(along!)).toEqual(sequences(filtered(list(EVENTS), filter)))
})

test('another filter looks at the whole log again', () => {
  const before = filtered(list(EVENTS), { ...WITHOUT_DELTAS, text: 'nowhere' })

  expect(sequences(filtered(list(EVENTS), WITHOUT_DELTAS, before))).toEqual([1, 2, 3, 5])
})

test('each kind is counted, also as the log grows', () => {
  const before = counted(list(EVENTS.slice(0, 2)))

  expect(counted(list([...EVENTS, ...log(FIRST, failed('x'))]), before).counts).toEqual({
    life: 3,
    progress: 2,
    step: 0,
    delta: 1,
    message: 0,
  })
})

test('the newest line is none of the pieces of the answer', () => {
  const early = newestLine(list(EVENTS.slice(0, 4)))

  expect(early.event?.sequence).toBe(3)
  expect(newestLine(list(EVENTS), early).event?.sequence).toBe(5)
  expect(newestLine(list([])).event).toBeNull()
})
