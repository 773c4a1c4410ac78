import { expect, onTestFinished, test, vi } from 'vitest'

import { AGENT, execution, SECOND } from '@/testing/made'

import { addressOf, ALL, areNarrowing, filtersOf, fits, queryOf } from './executionFilters'

test('the address says what is asked for, and gives it back', () => {
  const filters = {
    sort: 'longest',
    q: 'light & blood',
    agent: AGENT,
    status: 'failed',
    within: '7d',
    since: '2026-01-01',
    until: '',
  } as const

  expect(filtersOf(addressOf(filters))).toEqual(filters)
  expect(addressOf(ALL)).toEqual({})
})

test('what cannot be meant is left out', () => {
  expect(
    filtersOf({
      q: ['a', 'b'],
      agent: '../x',
      sort: 'loudest',
      status: 'sleeping',
      within: '2y',
      since: '2026-13-45',
      until: 'tomorrow',
    }),
  ).toEqual(ALL)
})

test('days are whole, in the time of the person who asks', () => {
  const query = queryOf({ ...ALL, q: '  light ', since: '2026-01-01', until: '2026-01-01' })

  expect(query).toEqual({
    q: 'light',
    since: new Date(2026, 0, 1).toISOString(),
    until: new Date(2026, 0, 2).toISOString(),
  })
})

test('an execution fits as the API would say', () => {
  const asked = execution({ created_at: new Date(2026, 0, 1, 12).toISOString() })

  expect(fits(asked, ALL)).toBe(true)
  expect(fits(asked, { ...ALL, q: 'FNIRS', agent: AGENT, status: 'completed' })).toBe(true)
  expect(fits(asked, { ...ALL, since: '2026-01-01', until: '2026-01-01' })).toBe(true)
  expect(fits(asked, { ...ALL, q: 'EEG' })).toBe(false)
  expect(fits(asked, { ...ALL, agent: SECOND })).toBe(false)
  expect(fits(asked, { ...ALL, status: 'failed' })).toBe(false)
  expect(fits(asked, { ...ALL, since: '2026-01-02' })).toBe(false)
  expect(fits(asked, { ...ALL, until: '2025-12-31' })).toBe(false)
})

test('a range ends now, and begins with a day of the person who asks', () => {
  vi.useFakeTimers({ now: new Date(2026, 0, 10, 15) })
  onTestFinished(() => {
    vi.useRealTimers()
  })

  expect(queryOf({ ...ALL, within: 'today' })).toEqual({ since: new Date(2026, 0, 10).toISOString() })
  expect(queryOf({ ...ALL, within: '7d' })).toEqual({ since: new Date(2026, 0, 4).toISOString() })
  expect(
    fits(execution({ created_at: new Date(2026, 0, 3, 23).toISOString() }), { ...ALL, within: '7d' }),
  ).toBe(false)
})

test('an order is asked of the API, and keeps nothing out', () => {
  expect(queryOf({ ...ALL, sort: 'shortest' })).toEqual({ sort: 'duration', order: 'asc' })
  expect(areNarrowing({ ...ALL, sort: 'shortest' })).toBe(false)
  expect(areNarrowing({ ...ALL, status: 'failed' })).toBe(true)
})
