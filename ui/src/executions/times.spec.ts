import { expect, test } from 'vitest'

import { ago, duration, elapsed } from './times'

test.each([
  [0, '0.00 s'],
  [1_234, '1.23 s'],
  [9_996, '10.0 s'],
  [12_340, '12.3 s'],
  [59_960, '1:00'],
  [187_000, '3:07'],
  [3_729_000, '1:02:09'],
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
