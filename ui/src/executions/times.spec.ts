import { describe, expect, test } from 'vitest'

import { ago, duration, elapsed, took } from './times'

test.each([
  [0, '0.00 s'],
  [340, '0.34 s'],
  [1_234, '1.2 s'],
  [9_996, '10.0 s'],
  [12_340, '12.3 s'],
  [59_960, '1 min'],
  [187_000, '3 min 7 s'],
  [3_729_000, '1 h 2 min'],
])('%i ms read as %s', (milliseconds, words) => {
  expect(duration(milliseconds)).toBe(words)
})

test('clocks that disagree do not make time negative', () => {
  expect(elapsed('2026-01-01T10:00:01Z', '2026-01-01T10:00:00Z')).toBe('0.00 s')
})

test.each([
  [20, 'just now'],
  [61, '1 minute ago'],
  [7_300, '2 hours ago'],
  [90_000, 'yesterday'],
  [8 * 86_400, 'Jan 1, 2026'],
])('%i seconds back read as %s', (seconds, words) => {
  const moment = Date.UTC(2026, 0, 1, 12)

  expect(ago(new Date(moment).toISOString(), moment + seconds * 1000)).toBe(words)
})

describe('how long an execution took', () => {
  const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1, 10, 0, 0, seconds * 1_000)).toISOString()
  const now = Date.parse(at(600))

  test.each([
    ['the run', at(0.2), at(1.4), '1.2 s'],
    ['a long wait too', at(540), at(541.2), '1.2 s (queued 9 min)'],
    ['what goes on, to the second', at(535), null, '1 min 5 s'],
    ['the wait alone', null, null, 'queued 10 min'],
    ['the wait of what was stopped in the queue', null, at(61), 'queued 1 min 1 s'],
  ])('is %s', (_, started_at, completed_at, words) => {
    expect(took({ created_at: at(0), started_at, completed_at }, now)).toBe(words)
  })
})
