import { screen, within } from '@testing-library/vue'
import { http, HttpResponse } from 'msw'
import { beforeEach, describe, expect, test, vi } from 'vitest'

import type { Agent } from '@/api/types'
import { ChangeStream } from '@/testing/changeStream'
import { LiveServer } from '@/testing/liveServer'
import { agent, execution, problem, SECOND } from '@/testing/made'
import { network } from '@/testing/network'
import { opened } from '@/testing/opened'

function listed(...agents: Agent[]): void {
  network.use(http.get('*/api/agents', () => HttpResponse.json({ items: agents, next_cursor: null })))
}

beforeEach(() => {
  network.use(http.get('*/api/me', () => HttpResponse.json({ id: SECOND, name: 'owner' })))
})

test('each agent is listed with its status and leads to its page', async () => {
  listed(agent(), agent({ id: SECOND, name: 'Grant reader', status: 'running' }))

  await opened('/')

  const rows = within(await screen.findByRole('list', { name: 'Agents' })).getAllByRole('listitem')
  expect(rows.map((row) => within(row).getByText(/^(Idle|Running)$/).textContent)).toEqual([
    'Idle',
    'Running',
  ])
  expect(screen.getByRole('link', { name: 'Grant reader' })).toHaveAttribute('href', `/agents/${SECOND}`)
})

describe('the status', () => {
  let changes: ChangeStream

  beforeEach(async () => {
    changes = new ChangeStream()
    listed(agent())
    await opened('/')
    await screen.findByText('Idle')
    await vi.waitFor(() => {
      expect(changes.asked).toBe(1)
    })
  })

  test('follows the executions, wherever they are started', async () => {
    listed(agent({ status: 'running' }))
    changes.say(execution({ status: 'queued' }))
    expect(await screen.findByText('Running')).toBeVisible()

    listed(agent())
    changes.say(execution({ status: 'completed' }))
    expect(await screen.findByText('Idle')).toBeVisible()
  })

  test('is read again when the stream is back, for what was missed', async () => {
    listed(agent({ status: 'running' }))
    changes.breakOff()

    expect(await screen.findByText('Running')).toBeVisible()
    expect(changes.asked).toBe(2)
  })

  test('keeps no connection while nobody looks, and is read again when somebody does', async () => {
    const visibility = vi.spyOn(document, 'visibilityState', 'get').mockReturnValue('hidden')
    document.dispatchEvent(new Event('visibilitychange'))
    listed(agent({ status: 'running' }))
    visibility.mockReturnValue('visible')
    expect(changes.asked).toBe(1)
    document.dispatchEvent(new Event('visibilitychange'))

    expect(await screen.findByText('Running')).toBeVisible()
    expect(changes.asked).toBe(2)
  })
})

test('who is logged out while the list is open is led to the log-in page', async () => {
  const nobody = problem({ status: 401, code: 'unauthenticated', detail: 'Log in first.' })
  const changes = new ChangeStream()
  listed(agent())
  await opened('/')
  await screen.findByText('Idle')
  await vi.waitFor(() => {
    expect(changes.asked).toBe(1)
  })

  network.use(
    http.get('*/api/executions/stream', () => HttpResponse.json(nobody, { status: 401 })),
    http.get('*/api/me', () => HttpResponse.json(nobody, { status: 401 })),
    http.get('*/api/agents', () => HttpResponse.json(nobody, { status: 401 })),
  )
  changes.breakOff()

  expect(await screen.findByRole('heading', { name: 'Log in' })).toBeVisible()
})

test('without agents the page offers to create the first one', async () => {
  listed()

  await opened('/')

  expect(await screen.findByRole('button', { name: 'Create the first one' })).toBeVisible()
})

test('what went wrong is said in the words of the API, and can be tried again', async () => {
  const away = problem({ status: 503, code: 'database_away', detail: 'The database is away.' })
  network.use(http.get('*/api/agents', () => HttpResponse.json(away, { status: 503 })))
  const { user } = await opened('/')
  expect(await screen.findByRole('alert')).toHaveTextContent(/The database is away\.\s*database_away/)

  listed(agent())
  await user.click(screen.getByRole('button', { name: 'Try again' }))

  expect(await screen.findByRole('link', { name: 'Research assistant' })).toBeVisible()
  expect(screen.queryByRole('alert')).toBeNull()
})

test('an API that does not answer is said to be away', async () => {
  network.use(http.get('*/api/agents', () => HttpResponse.error()))

  await opened('/')

  expect(await screen.findByRole('alert')).toHaveTextContent('The API does not answer.')
})

test('a new agent is created with all its settings and opened', async () => {
  const server = await LiveServer.start()
  listed()
  const sent: unknown[] = []
  network.use(
    http.post('*/api/agents', async ({ request }) => {
      sent.push(await request.json())
      return HttpResponse.json(agent({ id: SECOND }), { status: 201 })
    }),
    http.get('*/api/agents/:id', () => HttpResponse.json(agent({ id: SECOND }))),
    http.get('*/api/agents/:id/executions', () => HttpResponse.json({ items: [], next_cursor: null })),
  )
  const { user, router } = await opened('/')
  await user.click(await screen.findByRole('button', { name: 'New agent' }))

  await user.type(screen.getByLabelText('Name'), 'Lab manual')
  await user.click(screen.getByText('Retrieval and generation'))
  await user.clear(screen.getByLabelText('Passages'))
  await user.type(screen.getByLabelText('Passages'), '8')
  await user.click(screen.getByRole('button', { name: 'Create agent' }))

  await screen.findByRole('form', { name: 'Ask the agent' })
  expect(router.currentRoute.value.path).toBe(`/agents/${SECOND}`)
  expect(sent).toEqual([
    {
      name: 'Lab manual',
      description: '',
      instructions: '',
      generator: null,
      collection: 'default',
      top_k: 8,
      max_tokens: 200,
      temperature: 0.2,
    },
  ])
  await server.stop()
})

test('what the API has against a field is said at the field', async () => {
  listed()
  const refusal = problem({
    status: 422,
    code: 'invalid',
    detail: 'The agent cannot be made as it is.',
    errors: [{ location: 'body.collection', message: 'must be letters and digits' }],
  })
  network.use(http.post('*/api/agents', () => HttpResponse.json(refusal, { status: 422 })))
  const { user } = await opened('/')
  await user.click(await screen.findByRole('button', { name: 'New agent' }))

  await user.type(screen.getByLabelText('Name'), 'Lab manual')
  await user.click(screen.getByRole('button', { name: 'Create agent' }))

  expect(await screen.findByLabelText('Collection')).toHaveAccessibleDescription(/must be letters and digits/)
})
