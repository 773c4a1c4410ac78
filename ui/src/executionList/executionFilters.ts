/** Which executions are asked for, as the address of the page says it. */
import type { Execution, ExecutionQuery, ExecutionStatus } from '@/api/types'
import { comparable } from '@/layout/comparable'

import { questionOf } from '@/executions/executionExport'

export const STATUSES: readonly ExecutionStatus[] = ['queued', 'running', 'completed', 'failed', 'stopped']

/** Ranges that end now, by the days before today that belong to them. */
export const RANGES = { today: 0, '7d': 6, '30d': 29 } as const
export type Range = keyof typeof RANGES
export const RANGE_WORDS: Readonly<Record<Range, string>> = {
  today: 'Today',
  '7d': 'Last 7 days',
  '30d': 'Last 30 days',
}

/** The orders of the list, as the API names them; the empty one lists the newest first. */
export const SORTS = {
  '': { sort: 'created_at', order: 'desc' },
  oldest: { sort: 'created_at', order: 'asc' },
  longest: { sort: 'duration', order: 'desc' },
  shortest: { sort: 'duration', order: 'asc' },
  status: { sort: 'status', order: 'asc' },
  'status-reversed': { sort: 'status', order: 'desc' },
} as const
export type Sort = keyof typeof SORTS

/** Empty texts ask for nothing; a range goes before days. Days are the person's own, from midnight to midnight. */
export interface ExecutionFilters {
  readonly sort: Sort
  readonly q: string
  readonly agent: string
  readonly status: ExecutionStatus | ''
  readonly within: Range | ''
  readonly since: string
  readonly until: string
}

export const ALL: ExecutionFilters = {
  sort: '',
  q: '',
  agent: '',
  status: '',
  within: '',
  since: '',
  until: '',
}

type AddressQuery = Readonly<Record<string, unknown>>

/** What cannot be meant in an address, such as an unknown status, is left out. */
export function filtersOf(query: AddressQuery): ExecutionFilters {
  const said = (name: string) => (typeof query[name] === 'string' ? query[name] : '')
  const day = (name: string) =>
    /^\d{4}-\d{2}-\d{2}$/.test(said(name)) && !isNaN(midnight(said(name))) ? said(name) : ''
  return {
    sort: (Object.keys(SORTS) as Sort[]).find((sort) => sort === said('sort')) ?? '',
    q: said('q').slice(0, 1_000),
    agent: /^[\da-f-]{36}$/i.test(said('agent')) ? said('agent') : '',
    status: STATUSES.find((status) => status === said('status')) ?? '',
    within: (Object.keys(RANGES) as Range[]).find((range) => range === said('within')) ?? '',
    since: day('since'),
    until: day('until'),
  }
}

export function addressOf(filters: ExecutionFilters): Record<string, string> {
  return Object.fromEntries(Object.entries(filters).filter(([, value]) => value !== ''))
}

/** Whether they keep anything out; an order does not. */
export function areNarrowing(filters: ExecutionFilters): boolean {
  return Object.keys(addressOf({ ...filters, sort: '' })).length > 0
}

export function queryOf(filters: ExecutionFilters): ExecutionQuery {
  const { sort, q, agent, status, until } = filters
  const since = firstMoment(filters)
  return {
    ...(sort === '' ? {} : SORTS[sort]),
    ...(q.trim() === '' ? {} : { q: q.trim() }),
    ...(agent === '' ? {} : { agent_id: agent }),
    ...(status === '' ? {} : { status }),
    ...(since === null ? {} : { since: new Date(since).toISOString() }),
    ...(until === '' ? {} : { until: new Date(dayAfter(until)).toISOString() }),
  }
}

/** Whether the filters let an execution through, as the API would. */
export function fits(execution: Execution, filters: ExecutionFilters): boolean {
  const { q, agent, status, until } = filters
  const since = firstMoment(filters)
  const created = Date.parse(execution.created_at)
  return (
    comparable(questionOf(execution)).includes(comparable(q.trim())) &&
    (agent === '' || execution.agent_id === agent) &&
    (status === '' || execution.status === status) &&
    (since === null || created >= since) &&
    (until === '' || created < dayAfter(until))
  )
}

function firstMoment({ within, since }: ExecutionFilters): number | null {
  if (within === '') {
    return since === '' ? null : midnight(since)
  }
  const day = new Date()
  day.setHours(0, 0, 0, 0)
  day.setDate(day.getDate() - RANGES[within])
  return day.getTime()
}

function midnight(day: string): number {
  return Date.parse(`${day}T00:00:00`)
}

function dayAfter(day: string): number {
  const date = new Date(midnight(day))
  date.setDate(date.getDate() + 1)
  return date.getTime()
}
