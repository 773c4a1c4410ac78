import { expect, test } from 'vitest'

import type { ExecutionEvent } from '@/api/types'
import {
  completed,
  delta,
  failed,
  FIRST,
  found,
  log,
  message,
  progress,
  source,
  started,
  stopped,
} from '@/testing/made'

import { timeline, type Timeline } from './timeline'

/** Events at moments in seconds. */
function at(...said: [number, Parameters<typeof log>[1]][]): ExecutionEvent[] {
  return log(FIRST, ...said.map(([, event]) => event)).map((event, index) => ({
    ...event,
    timestamp: new Date(Date.UTC(2026, 0, 1) + said[index]![0] * 1_000).toISOString(),
  }))
}

const begun = progress({ stage: 'initializing', message: 'A worker has begun.' })
const retrieving = progress({ stage: 'retrieving', message: 'Looking.' })
const generating = progress({ stage: 'generating', message: 'Writing.' })
const saving = progress({ stage: 'saving', message: 'Saving.' })
const fault = (stage: 'retrieving' | 'generating', attempt: number, again: number) =>
  progress({ stage, message: 'It failed.', attempt, error: 'MCP is away.', retry_in_seconds: again })

function drawn({ spans }: Timeline): [string, number, number | null][] {
  return spans.map(({ label, from, to }) => [label, from, to])
}

test('each stage takes from its word to the next', () => {
  const told = timeline(
    at(
      [0, started()],
      [1, begun],
      [1.5, retrieving],
      [2, found(source(1))],
      [2, generating],
      [3, delta(0, 'Blood')],
      [5, delta(5, ' absorbs.')],
      [5, message('Blood absorbs.')],
      [5, saving],
      [5.25, completed('Blood absorbs.')],
    ),
  )

  expect(drawn(told)).toEqual([
    ['Queued', 0, 1_000],
    ['Preparing', 1_000, 1_500],
    ['Retrieving', 1_500, 2_000],
    ['Generating', 2_000, 5_000],
    ['Waiting for the first token', 2_000, 3_000],
    ['Writing', 3_000, 5_000],
    ['Saving', 5_000, 5_250],
  ])
  expect(told).toMatchObject({
    total: 5_250,
    queued: 1_000,
    firstToken: 3_000,
    tokensPerSecond: 2.5,
    failures: 0,
    waited: 0,
  })
})

test('attempts that failed and the waits between them are parts of their stage', () => {
  const told = timeline(
    at(
      [0, started()],
      [0, begun],
      [0, retrieving],
      [1, fault('retrieving', 1, 0.5)],
      [2, fault('retrieving', 2, 1)],
      [4, found(source(1))],
      [4, generating],
      [5, delta(0, 'Bl')],
      [6, fault('generating', 1, 2)],
      [9, delta(2, 'ood')],
      [10, message('Blood')],
      [10, completed('Blood')],
    ),
  )

  expect(drawn(told)).toEqual([
    ['Queued', 0, 0],
    ['Preparing', 0, 0],
    ['Retrieving', 0, 4_000],
    ['Attempt 1', 0, 1_000],
    ['Waiting to retry', 1_000, 1_500],
    ['Attempt 2', 1_500, 2_000],
    ['Waiting to retry', 2_000, 3_000],
    ['Attempt 3', 3_000, 4_000],
    ['Generating', 4_000, 10_000],
    ['Waiting for the first token', 4_000, 5_000],
    ['Writing, attempt 1', 5_000, 6_000],
    ['Waiting to retry', 6_000, 8_000],
    ['Attempt 2', 8_000, 9_000],
    ['Writing, attempt 2', 9_000, 10_000],
  ])
  expect(told).toMatchObject({ failures: 3, waited: 3_500, firstToken: 5_000 })
  expect(told.spans.filter(({ trouble }) => trouble === 'MCP is away.')).toHaveLength(3)
})

test('what a generator does before it writes is said in its words', () => {
  const told = timeline(
    at(
      [0, started()],
      [0, begun],
      [0, generating],
      [1, progress({ stage: 'initializing', message: 'Loading the model.' })],
      [4, generating],
      [5, delta(0, 'Blood')],
      [6, completed('Blood')],
    ),
  )

  expect(drawn(told).slice(2)).toEqual([
    ['Generating', 0, 6_000],
    ['Waiting for the first token', 0, 1_000],
    ['Loading the model.', 1_000, 4_000],
    ['Waiting for the first token', 4_000, 5_000],
    ['Writing', 5_000, 6_000],
  ])
})

test('one that waits in the queue has only begun to wait', () => {
  const told = timeline(at([0, started()]))

  expect(drawn(told)).toEqual([['Queued', 0, null]])
  expect(told).toMatchObject({ total: null, queued: null, firstToken: null })
})

test('a stop in the middle of a wait ends the wait', () => {
  const told = timeline(
    at([0, started()], [0, begun], [0, generating], [1, fault('generating', 1, 60)], [2, stopped('', null)]),
  )

  expect(drawn(told).at(-1)).toEqual(['Waiting to retry', 1_000, 2_000])
  expect(told).toMatchObject({ total: 2_000, tokensPerSecond: null })
})

test('a failure is told where it ended', () => {
  const told = timeline(at([0, started()], [0, begun], [0, retrieving], [3, failed('No such collection.')]))

  expect(told.spans.at(-1)).toMatchObject({ label: 'Retrieving', to: 3_000, trouble: 'No such collection.' })
})

test('an answer that came in one piece has no speed', () => {
  const told = timeline(at([0, started()], [0, generating], [1, delta(0, 'Blood')], [1, completed('Blood')]))

  expect(told.tokensPerSecond).toBeNull()
})

test('nothing takes less than no time, whatever the clocks say', () => {
  const told = timeline(at([5, started()], [4, begun], [3, completed('Blood')]))

  told.spans.forEach(({ from, to }) => {
    expect(from).toBeGreaterThanOrEqual(0)
    expect(to).toBeGreaterThanOrEqual(from)
  })
})
