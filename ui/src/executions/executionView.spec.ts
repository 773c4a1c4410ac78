import { describe, expect, test } from 'vitest'

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

import { applied, continuity, emptyView, type ExecutionView } from './executionView'

function folded(events: ExecutionEvent[], from: ExecutionView = emptyView(FIRST)): ExecutionView {
  return events.reduce(applied, from)
}

const writing = progress({ stage: 'generating', message: 'Writing the answer.' })

describe('status', () => {
  test('an execution waits until a worker says something', () => {
    const [start, first] = log(FIRST, started('Why?'), writing)

    const waiting = folded([start!])
    const running = folded([first!], waiting)

    expect(waiting).toMatchObject({
      status: 'queued',
      inputData: { query: 'Why?' },
      startedAt: start!.timestamp,
    })
    expect(running).toMatchObject({ status: 'running', stage: 'generating' })
  })

  test('a completed one has the answer and the sources of its output', () => {
    const view = folded(log(FIRST, started(), writing, delta(0, 'Bloo'), completed('Blood [1].', source(1))))

    expect(view).toMatchObject({ status: 'completed', answer: 'Blood [1].', stage: null, failure: null })
    expect(view.sources.map(({ n }) => n)).toEqual([1])
    expect(view.endedAt).toBe('2026-01-01T10:00:03.000Z')
  })

  test('a failed one says why, and keeps what had been written', () => {
    const view = folded(log(FIRST, started(), delta(0, 'Bl'), failed('MCP is away.', 'Bl')))

    expect(view).toMatchObject({
      status: 'failed',
      answer: 'Bl',
      failure: { message: 'MCP is away.', code: 'mcp_unreachable' },
    })
  })

  test('one that failed without an output keeps the answer that was seen', () => {
    const view = folded(log(FIRST, started(), delta(0, 'seen'), failed('Gone.')))

    expect(view).toMatchObject({ status: 'failed', answer: 'seen', output: null })
  })

  test('a stopped one keeps what had been written', () => {
    const view = folded(log(FIRST, started(), delta(0, 'Blo'), stopped('Blo', null)))

    expect(view).toMatchObject({ status: 'stopped', answer: 'Blo' })
  })
})

describe('an attempt that failed', () => {
  const failing = progress({
    stage: 'generating',
    message: 'Attempt 2 failed: busy. Trying again in 5 s.',
    attempt: 2,
    error: 'Rate limited.',
    retry_in_seconds: 5,
  })

  test('is known with the time of the next one', () => {
    const events = log(FIRST, started(), writing, failing)

    expect(folded(events).attempt).toEqual({
      number: 2,
      error: 'Rate limited.',
      retryAt: Date.parse(events[2]!.timestamp) + 5_000,
    })
  })

  test.each([
    ['writes', delta(0, 'Light')],
    ['says what it does', writing],
    ['ends', failed('It gave up.')],
  ])('is over when the next one %s', (_, next) => {
    expect(folded(log(FIRST, started(), failing, next)).attempt).toBeNull()
  })
})

describe('the answer', () => {
  test('grows by deltas', () => {
    const view = folded(log(FIRST, started(), delta(0, 'One'), delta(3, ' two'), delta(7, '.')))

    expect(view.answer).toBe('One two.')
  })

  test('counts offsets in code points, not in UTF-16 units', () => {
    const view = folded(log(FIRST, started(), delta(0, '🩸🧠'), delta(2, 'a👩‍🔬'), delta(6, '!')))

    expect(view.answer).toBe('🩸🧠a👩‍🔬!')
    expect(view.answerLength).toBe(7)
  })

  test('is cut between code points when an attempt goes on earlier', () => {
    const view = folded(log(FIRST, started(), delta(0, '🩸🧠 lost'), delta(1, '𝒳')))

    expect(view.answer).toBe('🩸𝒳')
    expect(view.answerLength).toBe(2)
  })

  test('starts over at offset 0', () => {
    const view = folded(log(FIRST, started(), delta(0, 'first 🧠 try'), delta(0, 'Second'), delta(6, '.')))

    expect(view.answer).toBe('Second.')
  })

  test('takes a delta past its end as one at its end, as answer[:offset] + text does', () => {
    const view = folded(log(FIRST, started(), delta(0, 'ab'), delta(9, 'c')))

    expect(view).toMatchObject({ answer: 'abc', answerLength: 3 })
  })

  test('is what the message says', () => {
    const view = folded(log(FIRST, started(), delta(0, 'Dra'), message('The whole 🩸 answer.')))

    expect(view).toMatchObject({ answer: 'The whole 🩸 answer.', answerLength: 19 })
  })

  test('has its sources from the step that found them', () => {
    const view = folded(log(FIRST, started(), found(source(1), source(2)), writing))

    expect(view.sources.map(({ document }) => document)).toEqual(['document-1.md', 'document-2.md'])
  })

  test('of 20,000 deltas is folded in well under a second', () => {
    const events = log(
      FIRST,
      started(),
      ...Array.from({ length: 20_000 }, (_, index) => delta(index * 4, 'a🧠b ')),
    )
    const begun = performance.now()

    const view = folded(events)

    expect(view.answerLength).toBe(80_000)
    expect(performance.now() - begun).toBeLessThan(1_000)
  })
})

test('a log of 10,000 lines is folded in well under a second, and an earlier view stays as it was', () => {
  const lines = Array.from({ length: 10_000 }, () => writing)
  const [first, ...rest] = log(FIRST, started(), ...lines)
  const early = folded([first!])
  const begun = performance.now()

  const view = folded(rest, early)

  expect(performance.now() - begun).toBeLessThan(1_000)
  expect([...view.events]).toEqual([first, ...rest])
  expect(early.events).toHaveLength(1)
})

describe('continuity', () => {
  const events = log(FIRST, started(), delta(0, 'a'), delta(1, 'b'), delta(2, 'c'))
  const view = folded(events.slice(0, 2))

  test('an event that was seen changes nothing', () => {
    expect(continuity(view, events[1]!)).toBe('seen')
    expect(applied(view, events[1]!)).toBe(view)
  })

  test('an event after a gap changes nothing', () => {
    expect(continuity(view, events[3]!)).toBe('gap')
    expect(applied(view, events[3]!)).toBe(view)
  })

  test('a log that comes twice is the log', () => {
    expect(folded([...events, ...events])).toEqual(folded(events))
  })

  test('an event of a kind that is not known yet counts, and changes nothing else', () => {
    const unknown = { ...events[2]!, type: 'execution_paused' } as unknown as ExecutionEvent

    const next = applied(view, unknown)

    expect(next).toEqual({ ...view, sequence: 3, events: next.events })
    expect([...next.events]).toEqual([...view.events, unknown])
  })

  test('an agent event of a kind that is not known yet counts, and changes nothing else', () => {
    const unknown = { ...events[2]!, event_type: 'thought', content: {} } as unknown as ExecutionEvent

    const next = applied(view, unknown)

    expect(next).toEqual({ ...view, sequence: 3, events: next.events })
    expect([...next.events]).toEqual([...view.events, unknown])
  })
})
