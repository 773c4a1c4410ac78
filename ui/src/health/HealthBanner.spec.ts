import { screen, within } from '@testing-library/vue'
import { http, HttpResponse } from 'msw'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

import type { Health } from '@/api/types'
import { LiveServer } from '@/testing/liveServer'
import { agent, AGENT, execution, FIRST, health, log, progress, SECOND, started } from '@/testing/made'
import { network } from '@/testing/network'
import { opened } from '@/testing/opened'

const NO_WORKER = 'No worker is running: start one with `dynavera worker`.'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'], shouldAdvanceTime: true })
  network.use(
    http.get('*/api/me', () => HttpResponse.json({ id: SECOND, name: 'owner' })),
    http.get('*/api/agents', () => HttpResponse.json({ items: [agent()], next_cursor: null })),
  )
})

afterEach(() => {
  vi.useRealTimers()
})

function found(said: Health, status = 200): void {
  network.use(http.get('*/api/health', () => HttpResponse.json(said, { status })))
}

async function banner(): Promise<HTMLElement> {
  return screen.findByRole('status', { name: 'Health' })
}

async function says(words: string): Promise<void> {
  const shown = await banner()
  await vi.waitFor(() => {
    expect(shown.textContent).toBe(words)
  })
}

describe('the banner', () => {
  test('is silent while every part is there', async () => {
    await opened('/')
    await screen.findByText('Research assistant')
    await vi.advanceTimersByTimeAsync(6_000)

    await says('')
  })

  test('says which part is away, and goes by itself', async () => {
    await opened('/')
    await says('')

    found(health({ worker: NO_WORKER }))
    await vi.advanceTimersByTimeAsync(5_000)
    await says('No worker is running: start one with dynavera worker.')
    expect(screen.getByText('dynavera worker').tagName).toBe('CODE')

    found(health())
    await vi.advanceTimersByTimeAsync(2_000)
    await says('')
  })

  test('reads what a 503 says, and does not guess about the worker without Temporal', async () => {
    found(health({ temporal: 'Temporal is not responding.', worker: 'Not known.' }), 503)

    await opened('/')

    await says('Temporal is not responding.')
  })

  test('says each part that is away on a line of its own, on every page', async () => {
    found(health({ database: 'The database cannot be used now.', mcp: 'The MCP service is away.' }), 503)

    await opened('/login')

    const lines = await vi.waitFor(async () =>
      within(await banner()).getAllByText(/\.$/, { selector: 'p > *' }),
    )
    expect(lines.map((line) => line.textContent)).toEqual([
      'The database cannot be used now.',
      'The MCP service is away.',
    ])
  })

  test('says that the API cannot be reached, whatever else it said before', async () => {
    found(health({ worker: NO_WORKER }))
    await opened('/')
    await says('No worker is running: start one with dynavera worker.')

    network.use(http.get('*/api/health', () => HttpResponse.error()))
    await vi.advanceTimersByTimeAsync(2_000)

    await says('Can’t reach Dynavera. Reconnecting…')
  })

  test('does not wait longer than three seconds for an API that hangs', async () => {
    vi.useRealTimers()
    network.use(http.get('*/api/health', () => new Promise<never>(() => undefined)))

    await opened('/')
    const shown = await banner()

    await vi.waitFor(
      () => {
        expect(shown).toHaveTextContent('Can’t reach Dynavera. Reconnecting…')
      },
      { timeout: 3_000 },
    )
  })

  test('says what a proxy answers for an API that is away', async () => {
    const answer = { status: 502, statusText: 'Bad Gateway' }
    network.use(http.get('*/api/health', () => new HttpResponse('<h1>Bad gateway</h1>', answer)))

    await opened('/')

    await says('The API answered 502 Bad Gateway.')
  })

  test('asks nothing while nobody looks', async () => {
    let asked = 0
    network.use(
      http.get('*/api/health', () => {
        asked += 1
        return HttpResponse.json(health())
      }),
    )
    await opened('/')
    await says('')
    vi.spyOn(document, 'visibilityState', 'get').mockReturnValue('hidden')
    await vi.advanceTimersByTimeAsync(5_000)
    const before = asked

    await vi.advanceTimersByTimeAsync(30_000)

    expect(asked).toBe(before)
  })
})

describe('an execution', () => {
  let server: LiveServer

  beforeEach(async () => {
    vi.useRealTimers()
    server = await LiveServer.start()
    const queued = execution({ status: 'queued', started_at: null, completed_at: null })
    network.use(
      http.get('*/api/agents/:id', () => HttpResponse.json(agent())),
      http.get('*/api/agents/:id/executions', () =>
        HttpResponse.json({ items: [queued], next_cursor: null }),
      ),
      http.get('*/api/executions/:id', () => HttpResponse.json(queued)),
    )
  })

  afterEach(async () => {
    await server.stop()
  })

  async function openedQueued(): Promise<HTMLElement> {
    await opened(`/agents/${AGENT}`)
    await vi.waitFor(() => {
      expect(server.opened).toEqual([AGENT])
    })
    server.greet()
    await vi.waitFor(() => {
      expect(server.asked).toHaveLength(1)
    })
    server.say(...log(FIRST, started()))
    return screen.findByRole('article', { name: 'Execution' })
  }

  test('that is queued while no worker runs says what it waits for', async () => {
    found(health({ worker: NO_WORKER }))

    const shown = await openedQueued()

    expect(await within(shown).findByText('Waiting: no worker is running')).toBeVisible()
    const toSee = { selector: ':not(.visually-hidden)' }
    expect(within(shown).getByText('Waiting: no worker is running.', toSee)).toBeVisible()
    const earlier = screen.getByRole('navigation', { name: 'Executions' })
    expect(await within(earlier).findByText('Waiting: no worker is running')).toBeVisible()
  })

  test('that is queued while Temporal is away says so', async () => {
    found(health({ temporal: 'Temporal is not responding.', worker: 'Not known.' }), 503)

    const shown = await openedQueued()

    expect(await within(shown).findByText('Waiting: Temporal is not responding')).toBeVisible()
  })

  test('that is queued while all is there is only queued, and one that runs waits for nobody', async () => {
    const shown = await openedQueued()
    expect(await within(shown).findByText('Queued')).toBeVisible()

    found(health({ worker: NO_WORKER }))
    const saying = progress({ stage: 'retrieving', message: 'Looking for passages.' })
    server.say(...log(FIRST, started(), saying).slice(1))

    expect(await within(shown).findByText('Running')).toBeVisible()
  })

  test('whose socket is one too many is told so in the words of the API', async () => {
    await openedQueued()

    server.hangUp(1013, 'You have 2000 sockets and streams open, the most per user.')

    await says('You have 2000 sockets and streams open, the most per user.')
  })

  test('whose socket breaks is told at once that the API is away', async () => {
    await openedQueued()
    network.use(http.get('*/api/health', () => HttpResponse.error()))

    server.hangUp(1012)

    await says('Can’t reach Dynavera. Reconnecting…')
  })
})
