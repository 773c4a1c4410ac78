import { expect, test } from 'vitest'

import { stopReceipt } from './stopReceipt'

const ASKED = Date.UTC(2026, 0, 1, 10)

function receipt(acknowledgedAfter: number | null, endedAfter: number, characters: number): string {
  const moment = (milliseconds: number) => new Date(ASKED + milliseconds).toISOString()
  return stopReceipt({
    timestamp: moment(endedAfter),
    stop: {
      requested_at: moment(0),
      acknowledged_at: acknowledgedAfter === null ? null : moment(acknowledgedAfter),
      characters,
    },
  })
}

test.each([
  [340, 'stopped in 0.3 s'],
  [250, 'stopped in 0.3 s'],
  [20, 'stopped in less than 0.1 s'],
  // Clocks may disagree.
  [-70, 'stopped in less than 0.1 s'],
  [9_960, 'stopped in 10 s'],
  [14_600, 'stopped in 15 s'],
  [187_000, 'stopped in 3 min 7 s'],
])('a generator that let go after %i ms was %s', (milliseconds, words) => {
  expect(receipt(milliseconds, 500_000, 214)).toBe(`${words}, 214 characters kept`)
})

test('a generator that never said that it let go is told of, and the end counts', () => {
  expect(receipt(null, 400, 1_214)).toBe(
    'stopped in 0.4 s (not confirmed by the generator), 1,214 characters kept',
  )
})

test('before anything was written nobody had to let go', () => {
  expect(receipt(null, 120, 0)).toBe('stopped in 0.1 s, nothing had been written')
})

test('one character is one', () => {
  expect(receipt(100, 200, 1)).toBe('stopped in 0.1 s, 1 character kept')
})
