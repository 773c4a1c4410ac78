import { screen, within } from '@testing-library/vue'
import { http, HttpResponse } from 'msw'
import { beforeEach, expect, test, vi } from 'vitest'

import type { Execution } from '@/api/types'
import { agent, AGENT, execution, FIRST, problem, SECOND } from '@/testing/made'
import { network } from '@/testing/network'
import { opened } from '@/testing/opened'

const THIRD = '01900000-0000-7000-8000-000000000003'
let asked: URLSearchParams[]
let requests: string[]
let known: Execution[]

beforeEach(() => {
  asked = []
  requests = []
  known = [
    execution({ id: THIRD, input_data: { query: 'Why?' }, status: 'running', completed_at: null }),
    execution({ id: SECOND, input_data: { query: 'How?' }, status: 'failed' }),
    execution(),
  ]
  const note = ({ request }: { request: Request }) => {
    requests.push(`${request.method} ${new URL(request.url).pathname.replace('/api/executions/', '')}`)
  }
  network.use(
    http.get('*/api/me', () => HttpResponse.json({ id: SECOND, name: 'owner' })),
    http.get('*/api/agents', () => HttpResponse.json({ items: [agent()], next_cursor: null })),
    http.get('*/api/executions', ({ request }) => {
      asked.push(new URL(request.url).searchParams)
      return HttpResponse.json({ items: known, next_cursor: null })
    }),
    http.post('*/api/executions/:id/:verb', (call) => {
      note(call)
      const { id, verb } = call.params
      const found = known.find((one) => one.id === id)!
      const status = verb === 'stop' ? ('stopped' as const) : ('queued' as const)
      return HttpResponse.json({
        ...found,
        id: verb === 'stop' ? found.id : `${found.id.slice(0, -1)}9`,
        status,
      })
    }),
    http.delete('*/api/executions/:id', (call) => {
      note(call)
      known = known.filter(({ id }) => id !== call.params.id)
      return new HttpResponse(null, { status: 204 })
    }),
  )
})

const box = (name: string) => screen.findByRole('checkbox', { name })
const rows = () =>
  within(screen.getByRole('main'))
    .getAllByRole('link')
    .map((link) => link.textContent.trim())

test('several are stopped, which can be undone, and retried, each where it can be', async () => {
  const { user } = await opened('/executions')
  await user.click(await box('Select all'))
  expect(screen.getByText('3 selected')).toBeVisible()
  expect(screen.getByRole('button', { name: 'Retry 2' })).toBeEnabled()

  await user.click(screen.getByRole('button', { name: 'Stop 1' }))

  const notices = await screen.findByRole('region', { name: /^Notifications/ })
  expect(await within(notices).findByText('1 execution stopped')).toBeVisible()
  await user.click(within(notices).getByRole('button', { name: 'Undo (retry)' }))
  await vi.waitFor(() => {
    expect(requests).toEqual([`POST ${THIRD}/stop`, `POST ${THIRD}/retry`])
  })
})

test('what could not be retried is counted, with the words of the API', async () => {
  const detail = 'Too many executions.'
  network.use(
    http.post('*/api/executions/:id/retry', () =>
      HttpResponse.json(problem({ status: 429, code: 'too_many', detail }), { status: 429 }),
    ),
  )
  const { user } = await opened('/executions')
  await user.click(await box('Select: How?'))

  await user.click(screen.getByRole('button', { name: 'Retry 1' }))

  const notices = await screen.findByRole('region', { name: /^Notifications/ })
  expect(await within(notices).findByText('Could not retry 1 execution')).toBeVisible()
  expect(within(notices).getByText(/Too many executions/)).toBeVisible()
})

test('several are deleted once that is confirmed, those that run are not', async () => {
  const { user } = await opened('/executions')
  await user.click(await box('Select all'))
  await user.click(screen.getByRole('button', { name: 'Delete 2' }))
  const dialog = within(await screen.findByRole('dialog', { name: 'Delete executions' }))
  expect(dialog.getByText('2 executions')).toBeVisible()
  expect(requests).toEqual([])

  await user.click(dialog.getByRole('button', { name: 'Delete' }))

  await vi.waitFor(() => {
    expect(rows()).not.toContain('How?')
  })
  expect([...requests].sort()).toEqual([`DELETE ${FIRST}`, `DELETE ${SECOND}`])
  expect(screen.getByRole('checkbox', { name: 'Select all' })).toHaveFocus()
})

test('a column sorts the list, and again the other way round', async () => {
  const { user, router } = await opened('/executions')
  const time = await screen.findByRole('button', { name: 'Time' })

  await user.click(time)
  await vi.waitFor(() => {
    expect(asked.at(-1)?.get('sort')).toBe('duration')
  })
  expect(asked.at(-1)?.get('order')).toBe('desc')
  await user.click(await screen.findByRole('button', { name: 'Time, descending', pressed: true }))

  await vi.waitFor(() => {
    expect(asked.at(-1)?.get('order')).toBe('asc')
  })
  expect(router.currentRoute.value.query).toEqual({ sort: 'shortest' })
})

test('J and K go through the rows, X selects, Enter opens', async () => {
  const gone = problem({ status: 404, code: 'not_found', detail: 'There is no such execution.' })
  network.use(http.get(`*/api/executions/${FIRST}*`, () => HttpResponse.json(gone, { status: 404 })))
  const { user, router } = await opened('/executions')
  await screen.findByRole('link', { name: 'Why?' })

  await user.keyboard('jjjk')
  expect(screen.getByRole('link', { name: 'How?' })).toHaveFocus()
  await user.keyboard('x')
  expect(screen.getByRole('checkbox', { name: 'Select: How?' })).toBeChecked()
  await user.click(screen.getByRole('checkbox', { name: 'Select: How?' }))
  await user.keyboard('j')
  expect(screen.getByRole('link', { name: 'What is fNIRS?' })).toHaveFocus()
  await user.keyboard('{Enter}')

  await vi.waitFor(
    () => {
      expect(router.currentRoute.value.path).toBe(`/executions/${FIRST}`)
    },
    { timeout: 5_000 },
  )
})

test('each filter is a chip that takes it away', async () => {
  const { user, router } = await opened(`/executions?agent=${AGENT}&status=failed&within=7d&sort=oldest`)
  const chips = within(await screen.findByRole('list', { name: 'Filters' }))
  expect(await chips.findByText('Research assistant')).toBeVisible()

  await user.click(chips.getByRole('button', { name: 'Remove the filter Last 7 days' }))
  await vi.waitFor(() => {
    expect(router.currentRoute.value.query).toEqual({ agent: AGENT, status: 'failed', sort: 'oldest' })
  })
  await user.click(chips.getByRole('button', { name: 'Clear all' }))

  await vi.waitFor(() => {
    expect(router.currentRoute.value.query).toEqual({ sort: 'oldest' })
  })
})

test('days are typed, and asked of the API', async () => {
  const { router } = await opened('/executions?since=2026-01-05&until=2026-01-09')

  const from = within(await screen.findByRole('group', { name: 'From' }))
  expect(from.getByRole('spinbutton', { name: /day/ })).toHaveTextContent('05')
  expect(asked[0]?.get('since')).toBe(new Date(2026, 0, 5).toISOString())
  from.getByRole('button', { name: 'Clear: From' }).click()

  await vi.waitFor(() => {
    expect(router.currentRoute.value.query).toEqual({ until: '2026-01-09' })
  })
})
