import { screen, waitFor, within } from '@testing-library/vue'
import { http, HttpResponse } from 'msw'
import { beforeEach, describe, expect, test, vi } from 'vitest'

import { has, lastAsked, listed, quietInstance } from '@/testing/agentsNetwork'
import { ChangeStream } from '@/testing/changeStream'
import { LiveServer } from '@/testing/liveServer'
import { agent, AGENT, execution, problem, SECOND } from '@/testing/made'
import { network } from '@/testing/network'
import { opened } from '@/testing/opened'

beforeEach(quietInstance)

test('each agent is listed with its status and leads to its page', async () => {
  listed(agent(), agent({ id: SECOND, name: 'Grant reader', status: 'running' }))

  await opened('/')

  const rows = within(await screen.findByRole('list', { name: 'Agents' })).getAllByRole('listitem')
  expect(rows.map((row) => within(row).queryByText('Running')?.textContent)).toEqual([undefined, 'Running'])
  expect(screen.getByRole('link', { name: 'Grant reader' })).toHaveAttribute('href', `/agents/${SECOND}`)
})

describe('the status', () => {
  let changes: ChangeStream

  beforeEach(async () => {
    changes = new ChangeStream()
    listed(agent())
    await opened('/')
    await screen.findByRole('link', { name: 'Research assistant' })
    await vi.waitFor(() => {
      expect(changes.asked).toBe(1)
    })
  })

  test('follows the executions, wherever they are started', async () => {
    listed(agent({ status: 'running' }))
    changes.say(execution({ status: 'queued' }))
    expect(await screen.findByText('Queued')).toBeVisible()
    expect(screen.queryByText('Running')).toBeNull()

    changes.say(execution({ status: 'completed' }))
    expect(await screen.findByText('Completed')).toBeVisible()
    listed(agent())
    await vi.waitFor(() => {
      expect(screen.queryByText('Running')).toBeNull()
    })
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
  await screen.findByRole('link', { name: 'Research assistant' })
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

test('what is searched for is in the address, and found again there', async () => {
  listed(agent(), agent({ id: SECOND, name: 'Grant reader' }))
  const { user, router } = await opened('/?order=name')
  await user.type(await screen.findByRole('searchbox', { name: 'Search agents' }), 'grant')

  await vi.waitFor(() => {
    expect(router.currentRoute.value.query).toEqual({ order: 'name', q: 'grant' })
  })
  expect(screen.queryByRole('link', { name: 'Research assistant' })).toBeNull()
  await router.push('/nowhere')
  router.back()

  expect(await screen.findByRole('searchbox', { name: 'Search agents' })).toHaveValue('grant')
})

test('a duplicate opens', async () => {
  const server = await LiveServer.start()
  listed(agent())
  network.use(
    http.post('*/api/agents', () => HttpResponse.json(agent({ id: SECOND }), { status: 201 })),
    http.get('*/api/agents/:id/executions', () => HttpResponse.json({ items: [], next_cursor: null })),
  )
  const { user, router } = await opened('/')
  await user.click(await screen.findByRole('button', { name: 'Actions for Research assistant' }))
  await user.click(await screen.findByRole('menuitem', { name: 'Duplicate' }))
  await user.click(screen.getByRole('button', { name: 'Create agent' }))

  await vi.waitFor(
    () => {
      expect(router.currentRoute.value.path).toBe(`/agents/${SECOND}`)
      expect(server.opened).toEqual([SECOND])
    },
    { timeout: 10_000 },
  )
  await router.push('/')
  await server.stop()
})

test('without agents the page offers to create the first one', async () => {
  listed()

  await opened('/')

  expect(await screen.findByRole('button', { name: 'Create an agent' })).toBeVisible()
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

  expect(await screen.findByRole('alert')).toHaveTextContent('Can’t reach Dynavera.')
})

test('each agent shows what it was asked last, and leads there', async () => {
  listed(agent(), agent({ id: SECOND, name: 'Grant reader' }))
  lastAsked(execution({ id: SECOND, status: 'failed' }))

  await opened('/')

  expect(await screen.findByRole('link', { name: 'What is fNIRS?' })).toHaveAttribute(
    'href',
    `/executions/${SECOND}`,
  )
  expect(screen.getByText('Failed')).toBeVisible()
  expect(screen.getByText('No questions yet')).toBeVisible()
})

test('agents are found by what is typed, and put in order', async () => {
  listed(agent(), agent({ id: SECOND, name: 'Grant reader', description: 'Reads <b>proposals</b>' }))
  const { user } = await opened('/')
  const names = () =>
    within(screen.getByRole('list', { name: 'Agents' }))
      .getAllByRole('link', { name: /assistant|reader/ })
      .map(({ textContent }) => textContent)
  await screen.findByRole('link', { name: 'Grant reader' })

  await user.click(screen.getByRole('button', { name: /^Sort by/ }))
  await user.click(await screen.findByRole('menuitemradio', { name: 'Name' }))
  expect(names()).toEqual(['Grant reader', 'Research assistant'])
  await user.type(screen.getByRole('searchbox', { name: 'Search agents' }), 'PROPOSALS')
  expect(names()).toEqual(['Grant reader'])
  await user.type(screen.getByRole('searchbox', { name: 'Search agents' }), ' none')

  expect(screen.getByRole('heading', { name: 'No agents match' })).toBeVisible()
})

describe('deleting', () => {
  const deleted: string[] = []

  beforeEach(() => {
    deleted.length = 0
    network.use(
      http.delete('*/api/agents/:id', ({ params }) => {
        deleted.push(String(params.id))
        return new HttpResponse(null, { status: 204 })
      }),
    )
  })

  async function choose(item: string): Promise<Awaited<ReturnType<typeof opened>>['user']> {
    const { user } = await opened('/')
    await user.click(await screen.findByRole('button', { name: 'Actions for Research assistant' }))
    await user.click(await screen.findByRole('menuitem', { name: item }))
    return user
  }

  test('one that was never asked can be undone', async () => {
    listed(agent(), agent({ id: SECOND, name: 'Grant reader' }))
    lastAsked(execution({ agent_id: SECOND }))
    const user = await choose('Delete')
    await waitFor(() => {
      expect(screen.queryByRole('link', { name: 'Research assistant' })).toBeNull()
    })

    await user.click(await screen.findByRole('button', { name: 'Undo' }))

    expect(await screen.findByRole('link', { name: 'Research assistant' })).toBeVisible()
    expect(deleted).toEqual([])
  })

  test('one that was never asked is deleted when the page is left', async () => {
    listed(agent(), agent({ id: SECOND, name: 'Grant reader' }))
    lastAsked(execution({ agent_id: SECOND }))
    await choose('Delete')

    window.dispatchEvent(new Event('pagehide'))

    await waitFor(() => {
      expect(deleted).toEqual([AGENT])
    })
  })

  test('one with executions is asked about first', async () => {
    listed(agent())
    const user = await choose('Delete')
    expect(screen.getByRole('dialog', { name: 'Delete agent' })).toHaveTextContent(/its executions/)

    listed()
    await user.click(screen.getByRole('button', { name: 'Delete' }))

    expect(await screen.findByRole('heading', { name: 'No agents yet' })).toBeVisible()
    expect(deleted).toEqual([AGENT])
  })

  test('one that runs says which execution to stop', async () => {
    listed(agent({ status: 'running' }))
    lastAsked(execution({ status: 'running' }))
    const busy = problem({ status: 409, code: 'agent_busy', detail: 'Stop it first.' })
    network.use(http.delete('*/api/agents/:id', () => HttpResponse.json(busy, { status: 409 })))
    const user = await choose('Delete')

    await user.click(screen.getByRole('button', { name: 'Delete' }))

    expect(await screen.findByText('Stop it first.')).toBeVisible()
    const ways = within(await screen.findByRole('list', { name: 'Executions to stop first' }))
    expect(ways.getAllByRole('link', { name: 'What is fNIRS?' })[0]).toBeVisible()
  })
})

describe('the first question', () => {
  beforeEach(() => {
    listed(agent())
    lastAsked()
  })

  test('is asked by one click, and its answer is gone to', async () => {
    const server = await LiveServer.start()
    has('electroencephalography.md', 'own notes.md')
    network.use(
      http.post('*/api/agents/:id/executions', async ({ request }) => {
        expect(await request.json()).toEqual({ input_data: { query: 'Who invented EEG?' } })
        return HttpResponse.json(execution({ id: SECOND }), { status: 202 })
      }),
      http.get('*/api/agents/:id/executions', () => HttpResponse.json({ items: [], next_cursor: null })),
      http.get('*/api/executions/:id', () => HttpResponse.json(execution({ id: SECOND }))),
      http.get('*/api/executions/:id/events', () => HttpResponse.json({ items: [], next_after: null })),
    )
    const { user, router } = await opened('/')
    expect(await screen.findByRole('button', { name: 'What is “own notes” about?' })).toBeVisible()
    expect(screen.getByText(/No language model is configured/)).toBeVisible()

    await user.click(screen.getByRole('button', { name: 'Who invented EEG?' }))

    await waitFor(() => {
      expect(router.currentRoute.value.fullPath).toBe(`/agents/${AGENT}?execution=${SECOND}`)
    })
    await server.stop()
  })

  test('needs documents first', async () => {
    await opened('/')

    expect(await screen.findByRole('link', { name: 'Add documents' })).toHaveAttribute(
      'href',
      '/knowledge?collection=default',
    )
  })

  test('is not offered to who has asked before', async () => {
    lastAsked(execution())

    await opened('/')

    await screen.findByRole('link', { name: 'Research assistant' })
    expect(screen.queryByRole('heading', { name: 'Ask the first question' })).toBeNull()
  })
})
