import { screen, within } from '@testing-library/vue'
import { http, HttpResponse } from 'msw'
import { expect, onTestFinished, test, vi } from 'vitest'

import type { Execution, ExecutionEvent } from '@/api/types'
import { EventLogStream } from '@/testing/eventLogStream'
import {
  completed,
  delta,
  execution,
  FIRST,
  log,
  message,
  problem,
  progress,
  SECOND,
  settings,
  source,
  started,
} from '@/testing/made'
import { network } from '@/testing/network'
import { opened } from '@/testing/opened'
import { unfoldLog } from '@/testing/unfoldLog'

const WHOLE = log(
  FIRST,
  started(),
  progress({ stage: 'generating', message: 'Writing the answer.' }),
  delta(0, 'Light '),
  delta(6, '[1].'),
  message('Light [1].'),
  completed('Light [1].', source(1)),
)

function known(found: Execution, events: ExecutionEvent[] = WHOLE): void {
  network.use(
    http.get('*/api/me', () => HttpResponse.json({ id: SECOND, name: 'owner' })),
    http.get('*/api/executions/:id', () => HttpResponse.json(found)),
    http.get('*/api/executions/:id/settings', () =>
      HttpResponse.json(settings({ instructions: 'Be brief.' })),
    ),
    http.get('*/api/executions/:id/events', ({ request }) => {
      const after = Number(new URL(request.url).searchParams.get('after'))
      return HttpResponse.json({ items: events.filter(({ sequence }) => sequence > after), next_after: null })
    }),
  )
}

test('an execution that ended shows its answer, timeline, input, settings and log', async () => {
  known(execution({ temporal_url: 'http://temporal/x' }))
  unfoldLog()

  await opened(`/executions/${FIRST}`)

  expect(await screen.findByRole('heading', { name: 'What is fNIRS?' })).toBeVisible()
  expect(await screen.findByRole('region', { name: 'Answer' })).toHaveTextContent('Light 1.')
  const timeline = screen.getByRole('table', { name: 'Timeline' })
  expect(within(timeline).getByRole('rowheader', { name: 'Generating' })).toBeVisible()
  expect(screen.getByRole('region', { name: 'Input as JSON' })).toHaveTextContent('"query": "What is fNIRS?"')
  expect(screen.getByText('Be brief.')).toBeVisible()
  expect(screen.getByRole('link', { name: /Open in Temporal/ })).toHaveAttribute('href', 'http://temporal/x')
  await vi.waitFor(() => {
    expect(within(screen.getByRole('log')).getAllByRole('listitem')).toHaveLength(4)
  })
})

test('a running one goes on after a break where it was, and ends with what the records know', async () => {
  known(execution({ status: 'running', completed_at: null }), [])
  const stream = new EventLogStream()
  await opened(`/executions/${FIRST}`)
  await vi.waitFor(() => {
    expect(stream.asked).toEqual([0])
  })

  stream.say(...WHOLE.slice(0, 3))
  expect(await screen.findByRole('region', { name: 'Answer' })).toHaveTextContent('Light')
  expect(screen.getByRole('button', { name: 'Stop' })).toBeEnabled()
  stream.breakOff()
  expect(await screen.findByText(/Connection lost/, { selector: 'p' })).toBeVisible()
  await vi.waitFor(
    () => {
      expect(stream.asked).toEqual([0, 3])
    },
    { timeout: 5_000 },
  )
  known(execution({ temporal_url: 'http://temporal/x' }))
  stream.say(...WHOLE.slice(3))

  expect(await screen.findByRole('link', { name: /Open in Temporal/ })).toBeVisible()
  await vi.waitFor(() => {
    expect(screen.getByRole('region', { name: 'Answer' })).toHaveTextContent('Light 1.')
  })
  // The banner says the same of the list of executions, which is not served here.
  expect(screen.queryByText(/Connection lost/, { selector: 'p' })).toBeNull()
  expect(screen.getByRole('button', { name: 'Retry' })).toBeEnabled()
})

test('Retry leads to the new execution', async () => {
  known(execution())
  network.use(
    http.post('*/api/executions/:id/retry', () =>
      HttpResponse.json(execution({ id: SECOND, retry_of: FIRST, status: 'queued' }), { status: 202 }),
    ),
  )
  const { user, router } = await opened(`/executions/${FIRST}`)

  await user.click(await screen.findByRole('button', { name: 'Retry' }))

  await vi.waitFor(() => {
    expect(router.currentRoute.value.params.id).toBe(SECOND)
  })
})

test('what cannot be stopped is said in the words of the API, with its code', async () => {
  known(execution({ status: 'running', completed_at: null }), [])
  const stream = new EventLogStream()
  const refusal = problem({ status: 503, code: 'database_away', detail: 'The database does not answer.' })
  network.use(http.post('*/api/executions/:id/stop', () => HttpResponse.json(refusal, { status: 503 })))
  const { user } = await opened(`/executions/${FIRST}`)
  await vi.waitFor(() => {
    expect(stream.asked).toHaveLength(1)
  })
  stream.say(...WHOLE.slice(0, 2))

  await user.click(await screen.findByRole('button', { name: 'Stop' }))

  expect(await screen.findByText('The database does not answer.')).toBeVisible()
  expect(screen.getByText('database_away')).toBeVisible()
})

test.each([
  [404, 'not_found'],
  [422, 'validation_error'],
])('an execution that does not exist (%i) is said to be missing', async (status, code) => {
  const missing = problem({ status, code, detail: 'There is no such execution.' })
  known(execution())
  network.use(http.get('*/api/executions/:id', () => HttpResponse.json(missing, { status })))

  await opened(`/executions/${FIRST}`)

  expect(await screen.findByRole('heading', { name: 'There is no such execution' })).toBeVisible()
  expect(screen.getByRole('link', { name: 'All executions' })).toHaveAttribute('href', '/executions')
})

test('an error of the server is shown in its words, and can be tried again', async () => {
  const away = problem({ status: 503, code: 'database_away', detail: 'The database does not answer.' })
  known(execution())
  network.use(http.get('*/api/executions/:id', () => HttpResponse.json(away, { status: 503 })))
  const { user } = await opened(`/executions/${FIRST}`)
  expect(await screen.findByRole('alert')).toHaveTextContent(/The database does not answer\.\s*database_away/)

  known(execution())
  await user.click(screen.getByRole('button', { name: 'Try again' }))

  expect(await screen.findByRole('heading', { name: 'What is fNIRS?' })).toBeVisible()
})

test('one that cannot go on says why instead of running for ever', async () => {
  const stuck = execution({
    status: 'running',
    completed_at: null,
    error_message: 'The execution cannot go on: its code does not match its history.',
  })
  known(stuck, [])
  const stream = new EventLogStream()
  vi.useFakeTimers({ shouldAdvanceTime: true })
  onTestFinished(() => {
    vi.useRealTimers()
  })
  await opened(`/executions/${FIRST}`)
  await vi.waitFor(() => {
    expect(stream.asked).toEqual([0])
  })
  stream.say(...WHOLE.slice(0, 2))

  await vi.advanceTimersByTimeAsync(10_000)

  expect(await screen.findByText(/cannot go on: its code does not match/)).toBeVisible()
  expect(
    screen.queryByText('Writing the answer.', { ignore: '.visually-hidden, .words, .text' }),
  ).not.toBeInTheDocument()
  expect(screen.getByRole('button', { name: 'Stop' })).toBeEnabled()
})

test('an execution that ended is deleted, which can be undone for a while', async () => {
  known(execution())
  network.use(
    http.get('*/api/agents', () => HttpResponse.json({ items: [], next_cursor: null })),
    http.get('*/api/executions/counts', () =>
      HttpResponse.json({ queued: 0, running: 0, completed: 1, failed: 0, stopped: 0 }),
    ),
    http.get('*/api/executions', () => HttpResponse.json({ items: [execution()], next_cursor: null })),
  )
  const { user, router } = await opened(`/executions/${FIRST}`)

  await user.click(await screen.findByRole('button', { name: 'Delete' }))

  expect(await screen.findByText('“What is fNIRS?” deleted')).toBeVisible()
  await screen.findByRole('heading', { name: 'Executions' })
  expect(router.currentRoute.value.path).toBe('/executions')
  expect(screen.queryByRole('link', { name: 'What is fNIRS?' })).toBeNull()
  await user.click(screen.getByRole('button', { name: 'Undo' }))
  expect(await screen.findByRole('link', { name: 'What is fNIRS?' })).toBeVisible()
})
