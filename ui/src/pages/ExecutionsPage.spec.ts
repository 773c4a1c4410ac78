import { screen, within } from '@testing-library/vue'
import { http, HttpResponse } from 'msw'
import { beforeEach, expect, test, vi } from 'vitest'

import type { Execution } from '@/api/types'
import { ChangeStream } from '@/testing/changeStream'
import { agent, AGENT, execution, FIRST, problem, SECOND } from '@/testing/made'
import { network } from '@/testing/network'
import { opened } from '@/testing/opened'

const THIRD = '01900000-0000-7000-8000-000000000003'
let asked: URLSearchParams[]

beforeEach(() => {
  asked = []
})

function known(...pages: Execution[][]): void {
  network.use(
    http.get('*/api/me', () => HttpResponse.json({ id: SECOND, name: 'owner' })),
    http.get('*/api/agents', () => HttpResponse.json({ items: [agent()], next_cursor: null })),
    http.get('*/api/executions', ({ request }) => {
      const { searchParams } = new URL(request.url)
      asked.push(searchParams)
      const page = Number(searchParams.get('cursor') ?? 0)
      return HttpResponse.json({
        items: pages[page] ?? [],
        next_cursor: page + 1 < pages.length ? String(page + 1) : null,
      })
    }),
  )
}

const rows = () => within(screen.getByRole('main')).getAllByRole('listitem')

test('all executions are listed with their agent, and further ones are read when asked for', async () => {
  known([execution({ id: SECOND })], [execution({ input_data: { query: 'Earlier?' }, status: 'failed' })])
  const { user } = await opened('/executions')
  const first = await screen.findByRole('link', { name: 'What is fNIRS?' })

  expect(first).toHaveAttribute('href', `/executions/${SECOND}`)
  expect(await within(rows()[0]!).findByText('Research assistant')).toBeVisible()
  await user.click(screen.getByRole('button', { name: 'Show more' }))

  expect(await screen.findByRole('link', { name: 'Earlier?' })).toBeVisible()
  expect(rows()).toHaveLength(2)
  expect(screen.queryByRole('button', { name: 'Show more' })).toBeNull()
})

test('the filters are in the address, and asked of the API', async () => {
  known([execution()])
  const { user, router } = await opened(`/executions?status=completed&agent=${AGENT}`)
  await screen.findByRole('link', { name: 'What is fNIRS?' })
  expect(Object.fromEntries(asked[0]!)).toMatchObject({ status: 'completed', agent_id: AGENT })

  await user.type(screen.getByRole('searchbox', { name: 'Search questions' }), 'light')

  await vi.waitFor(() => {
    expect(router.currentRoute.value.query).toEqual({ q: 'light', status: 'completed', agent: AGENT })
  })
  await vi.waitFor(() => {
    expect(asked.at(-1)!.get('q')).toBe('light')
  })
})

test('each status says how many there are, with the other filters, and is chosen by a click', async () => {
  known([execution()])
  const counted: string[] = []
  network.use(
    http.get('*/api/executions/counts', ({ request }) => {
      counted.push(new URL(request.url).search)
      return HttpResponse.json({ queued: 0, running: 1, completed: 1_200, failed: 3, stopped: 0 })
    }),
  )
  const { user, router } = await opened('/executions?q=light&status=completed')
  const statuses = within(screen.getByRole('group', { name: 'Status' }))
  expect(await statuses.findByRole('button', { name: 'Completed 1,200', pressed: true })).toBeVisible()
  expect(statuses.getByRole('button', { name: 'All 1,204', pressed: false })).toBeVisible()
  expect(counted[0]).toBe('?q=light')

  await user.click(statuses.getByRole('button', { name: 'Failed 3' }))

  await vi.waitFor(() => {
    expect(router.currentRoute.value.query).toEqual({ q: 'light', status: 'failed' })
  })
  await vi.waitFor(() => {
    expect(asked.at(-1)!.get('status')).toBe('failed')
  })
})

test('a filter that nothing fits can be cleared', async () => {
  known([])
  const { user, router } = await opened('/executions?status=failed')
  await screen.findByRole('heading', { name: 'No executions match these filters' })

  await user.click(screen.getByRole('button', { name: 'Clear filters' }))

  expect(await screen.findByRole('heading', { name: 'No executions yet' })).toBeVisible()
  expect(router.currentRoute.value.query).toEqual({})
})

test('changes come into their rows, and new executions come in front', async () => {
  const changes = new ChangeStream()
  known([execution({ id: SECOND, status: 'running', completed_at: null }), execution()])
  await opened('/executions')
  await screen.findByRole('button', { name: /^Stop/ })
  await vi.waitFor(() => {
    expect(changes.asked).toBe(1)
  })

  changes.say(execution({ id: SECOND }))
  changes.say(execution({ id: THIRD, input_data: { query: 'Newer?' }, status: 'queued', completed_at: null }))

  expect(await screen.findByRole('link', { name: 'Newer?' })).toBeVisible()
  expect(rows().map((row) => within(row).getByRole('link').getAttribute('href'))).toEqual([
    `/executions/${THIRD}`,
    `/executions/${SECOND}`,
    `/executions/${FIRST}`,
  ])
  expect(within(rows()[1]!).getByText('Completed')).toBeVisible()
})

test('new executions wait while somebody reads further down', async () => {
  const changes = new ChangeStream()
  known([execution()])
  const { user } = await opened('/executions')
  await screen.findByRole('link', { name: 'What is fNIRS?' })
  await vi.waitFor(() => {
    expect(changes.asked).toBe(1)
  })
  window.scrollTo({ top: 500 })

  changes.say(execution({ id: SECOND, input_data: { query: 'Newer?' } }))
  const waiting = await screen.findByRole('button', { name: '1 new execution' })
  expect(rows()).toHaveLength(1)
  await user.click(waiting)

  expect(rows()).toHaveLength(2)
  expect(screen.queryByRole('button', { name: '1 new execution' })).toBeNull()
})

test('what the filters keep out stays out', async () => {
  const changes = new ChangeStream()
  known([execution()])
  await opened('/executions?q=fnirs')
  await screen.findByRole('link', { name: 'What is fNIRS?' })
  await vi.waitFor(() => {
    expect(changes.asked).toBe(1)
  })

  changes.say(execution({ id: SECOND, input_data: { query: 'What is EEG?' } }))
  changes.say(execution({ id: THIRD, input_data: { query: 'Why fNIRS?' } }))

  expect(await screen.findByRole('link', { name: 'Why fNIRS?' })).toBeVisible()
  expect(screen.queryByRole('link', { name: 'What is EEG?' })).toBeNull()
})

test('an execution is stopped from its row, and asked again', async () => {
  known([execution({ status: 'running', completed_at: null })])
  network.use(
    http.post('*/api/executions/:id/stop', () =>
      HttpResponse.json(execution({ status: 'stopped' }), { status: 202 }),
    ),
    http.post('*/api/executions/:id/retry', () =>
      HttpResponse.json(execution({ id: SECOND, status: 'queued', completed_at: null }), { status: 202 }),
    ),
  )
  const { user } = await opened('/executions')

  await user.click(await screen.findByRole('button', { name: 'Stop: What is fNIRS?' }))
  await user.click(await screen.findByRole('button', { name: 'Retry: What is fNIRS?' }))

  await vi.waitFor(() => {
    expect(rows()).toHaveLength(2)
  })
  expect(within(rows()[0]!).getByRole('button', { name: /^Stop/ })).toBeEnabled()
})

test('a stop from a row says what was stopped, and can be taken back by asking again', async () => {
  known([execution({ status: 'running', completed_at: null })])
  const retried: unknown[] = []
  network.use(
    http.post('*/api/executions/:id/stop', () => HttpResponse.json(execution({ status: 'stopped' }))),
    http.post('*/api/executions/:id/retry', ({ params }) => {
      retried.push(params.id)
      return HttpResponse.json(execution({ id: SECOND, status: 'queued' }), { status: 202 })
    }),
  )
  const { user } = await opened('/executions')
  await user.click(await screen.findByRole('button', { name: 'Stop: What is fNIRS?' }))

  const notices = await screen.findByRole('region', { name: /^Notifications/ })
  expect(await within(notices).findByText('Stopped “What is fNIRS?”')).toBeVisible()
  await user.click(within(notices).getByRole('button', { name: 'Undo (retry)' }))

  await vi.waitFor(() => {
    expect(retried).toEqual([FIRST])
  })
})

test('who comes back finds the rows that were read, and what has changed since', async () => {
  known([execution({ id: SECOND })], [execution({ input_data: { query: 'Earlier?' }, status: 'failed' })])
  const { user, router } = await opened('/executions')
  await user.click(await screen.findByRole('button', { name: 'Show more' }))
  await screen.findByRole('link', { name: 'Earlier?' })
  await router.push('/nowhere')
  await screen.findByRole('link', { name: 'All agents' })
  known([execution({ id: SECOND, status: 'stopped' })])

  router.back()

  expect(await screen.findByRole('link', { name: 'Earlier?' })).toBeVisible()
  expect(await within(rows()[0]!).findByText('Stopped')).toBeVisible()
  expect(rows()).toHaveLength(2)
})

test('an error of the server is shown in its words, and can be tried again', async () => {
  const away = problem({ status: 503, code: 'database_away', detail: 'The database does not answer.' })
  known([execution()])
  network.use(http.get('*/api/executions', () => HttpResponse.json(away, { status: 503 })))
  const { user } = await opened('/executions')
  expect(await screen.findByRole('alert')).toHaveTextContent('database_away')

  known([execution()])
  await user.click(screen.getByRole('button', { name: 'Try again' }))

  expect(await screen.findByRole('link', { name: 'What is fNIRS?' })).toBeVisible()
})
