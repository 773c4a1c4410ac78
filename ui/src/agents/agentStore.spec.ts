import { createPinia, setActivePinia } from 'pinia'
import { http, HttpResponse } from 'msw'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

import type { Execution, ExecutionEvent } from '@/api/types'
import { useExecutionsStore } from '@/executions/executionsStore'
import { useSessionStore } from '@/session/sessionStore'
import { LiveServer } from '@/testing/liveServer'
import { AGENT, completed, delta, execution, FIRST, log, problem, SECOND, started } from '@/testing/made'
import { network } from '@/testing/network'

import { useAgentStore } from './agentStore'
import { useConnectionStore } from './connectionStore'

let server: LiveServer

beforeEach(async () => {
  setActivePinia(createPinia())
  server = await LiveServer.start()
})

afterEach(async () => {
  useAgentStore().disconnect()
  await server.stop()
})

/** What REST knows: the agent's executions, newest first, and their logs. */
function known(executions: Execution[], logs: Record<string, ExecutionEvent[]> = {}): void {
  network.use(
    http.get(`*/api/agents/${AGENT}/executions`, () =>
      HttpResponse.json({ items: executions, next_cursor: null }),
    ),
    http.get('*/api/executions/:id', ({ params }) =>
      HttpResponse.json(executions.find(({ id }) => id === params.id)),
    ),
    http.get('*/api/executions/:id/events', ({ params, request }) => {
      const after = Number(new URL(request.url).searchParams.get('after'))
      const items = (logs[String(params.id)] ?? []).filter(({ sequence }) => sequence > after)
      return HttpResponse.json({ items: items.slice(0, 2), next_after: items.length > 2 ? after + 2 : null })
    }),
  )
}

async function connected(): Promise<ReturnType<typeof useAgentStore>> {
  const store = useAgentStore()
  const sockets = server.opened.length
  store.connect(AGENT)
  await greeted(sockets)
  return store
}

async function greeted(before: number): Promise<void> {
  await vi.waitFor(() => {
    expect(server.opened.length).toBeGreaterThan(before)
  })
  server.greet()
  await vi.waitFor(() => {
    expect(useAgentStore().isConnected).toBe(true)
  })
}

async function asked(action: object): Promise<void> {
  await vi.waitFor(() => {
    expect(server.asked).toContainEqual(expect.objectContaining(action))
  })
}

async function until(check: () => void): Promise<void> {
  await vi.waitFor(check, { timeout: 3_000 })
}

const EVENTS = log(FIRST, started(), delta(0, 'Bl'), delta(2, 'ood'), completed('Blood'))

describe('the connection', () => {
  test('is there once the server has greeted, and gone after disconnect', async () => {
    known([])
    const store = await connected()

    expect(server.opened).toEqual([AGENT])
    expect(store).toMatchObject({
      agentId: AGENT,
      executionStatus: 'idle',
      currentExecutionId: null,
      events: [],
    })

    store.disconnect()
    expect(store).toMatchObject({ isConnected: false, agentId: null })
  })

  test('comes back by itself and resumes each live execution after the last sequence seen', async () => {
    known([execution({ status: 'running' })])
    const store = await connected()
    server.say(...EVENTS.slice(0, 2))
    await until(() => {
      expect(store.events).toHaveLength(2)
    })

    server.hangUp(1012)
    await until(() => {
      expect(store.isConnected).toBe(false)
    })
    await greeted(1)

    await asked({ action: 'subscribe', execution_id: FIRST, after: 2 })
    server.say(...EVENTS.slice(1))
    await until(() => {
      expect(store.executionStatus).toBe('completed')
    })
    expect(store.events.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4])
  })

  test('comes back when it was too slow', async () => {
    known([])
    const store = await connected()

    server.hangUp(4408)
    await greeted(1)

    expect(store.isConnected).toBe(true)
  })

  test('without a user leads to the log-in page and is not tried again', async () => {
    known([])
    const store = useAgentStore()
    store.connect(AGENT)
    await until(() => {
      expect(server.opened).toHaveLength(1)
    })

    server.hangUp(4401)

    await until(() => {
      expect(useSessionStore().expiries).toBe(1)
    })
    expect(useConnectionStore().phase).toBe('closed')
  })

  test('for an unknown agent says that it is missing', async () => {
    const store = useAgentStore()
    store.connect(AGENT)
    await until(() => {
      expect(server.opened).toHaveLength(1)
    })

    server.hangUp(4404)

    await until(() => {
      expect(useConnectionStore().isMissing).toBe(true)
    })
  })
})

describe('starting', () => {
  test('goes over the socket under an idempotency key, and shows the accepted execution', async () => {
    known([])
    const store = await connected()

    const starting = store.startAgent({ query: 'Why?' })
    await asked({ action: 'start_agent', input_data: { query: 'Why?' } })
    const { request_id, idempotency_key } = server.asked[0] as { request_id: string; idempotency_key: string }
    known([execution({ status: 'running' })])
    server.say(
      { type: 'accepted', action: 'start_agent', request_id, execution_id: FIRST },
      ...EVENTS.slice(0, 1),
    )
    await starting

    expect(idempotency_key).toMatch(/^[0-9a-f-]{36}$/)
    expect(store.currentExecutionId).toBe(FIRST)
    await until(() => {
      expect(store.executionStatus).toBe('queued')
    })
  })

  test('is sent again under the same key when the socket breaks before the answer', async () => {
    known([])
    const store = await connected()

    const starting = store.startAgent({ query: 'Why?' })
    await asked({ action: 'start_agent' })
    server.hangUp(1012)
    await until(() => {
      expect(store.isConnected).toBe(false)
    })
    await greeted(1)
    await until(() => {
      expect(server.asked).toHaveLength(2)
    })

    expect(server.asked[1]).toEqual(server.asked[0])
    const { request_id } = server.asked[0] as { request_id: string }
    server.say({ type: 'error', message: 'Temporal is away.', code: 'temporal_away', request_id })
    await starting
  })

  test('goes by REST while the socket is away', async () => {
    known([])
    const keys: (string | null)[] = []
    network.use(
      http.post(`*/api/agents/${AGENT}/executions`, ({ request }) => {
        keys.push(request.headers.get('idempotency-key'))
        known([execution({ status: 'queued' })])
        return HttpResponse.json(execution({ status: 'queued' }), { status: 202 })
      }),
    )
    const store = useAgentStore()
    store.connect(AGENT)

    await store.startAgent({ query: 'Why?' })

    expect(store.currentExecutionId).toBe(FIRST)
    expect(keys).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/)])
  })

  test('that is refused says why', async () => {
    known([])
    const store = await connected()

    const starting = store.startAgent({ query: 'Why?' })
    await asked({ action: 'start_agent' })
    const { request_id } = server.asked[0] as { request_id: string }
    server.say({ type: 'error', message: 'Temporal is away.', code: 'temporal_away', request_id })
    await starting

    expect(useConnectionStore().fault).toEqual({ message: 'Temporal is away.', code: 'temporal_away' })
    expect(store.currentExecutionId).toBeNull()
  })
})

describe('stopping', () => {
  test('names the execution that is shown', async () => {
    known([execution({ status: 'running' })])
    const store = await connected()
    server.say(EVENTS[0]!)
    await until(() => {
      expect(store.currentExecutionId).toBe(FIRST)
    })

    await store.stopAgent()

    await asked({ action: 'stop_agent', execution_id: FIRST })
  })

  test('goes by REST while the socket is away, and says what is against it', async () => {
    known([execution({ status: 'running' })])
    network.use(
      http.post(`*/api/executions/${FIRST}/stop`, () =>
        HttpResponse.json(problem({ status: 503, code: 'database_away', detail: 'The database is away.' }), {
          status: 503,
        }),
      ),
    )
    const store = useAgentStore()
    store.connect(AGENT)
    store.currentExecutionId = FIRST

    await store.stopAgent()

    expect(useConnectionStore().fault?.message).toBe('The database is away.')
  })
})

describe('what is shown', () => {
  test('is the newest execution: one that ended is read by REST, page by page', async () => {
    known([execution({ id: FIRST })], { [FIRST]: EVENTS })

    const store = await connected()

    await until(() => {
      expect(store.executionStatus).toBe('completed')
    })
    expect(store.events).toEqual(EVENTS)
    expect(server.asked).toEqual([])
  })

  test('after a reload in mid-answer is the same log, from its first event', async () => {
    known([execution({ status: 'running' })])

    const store = await connected()
    await asked({ action: 'subscribe', execution_id: FIRST, after: 0 })
    server.say(...EVENTS)

    await until(() => {
      expect(store.events).toEqual(EVENTS)
    })
  })

  test('has no gap: a live event that is ahead makes it ask for what is between, once', async () => {
    known([execution({ status: 'running' })])
    const store = await connected()
    await asked({ action: 'subscribe', after: 0 })
    server.say(EVENTS[0]!, EVENTS[2]!, EVENTS[3]!)

    await asked({ action: 'subscribe', execution_id: FIRST, after: 1 })
    server.say(...EVENTS.slice(1))

    await until(() => {
      expect(store.events).toEqual(EVENTS)
    })
    expect(server.asked).toHaveLength(2)
  })

  test('moves to an execution that was started elsewhere when the shown one has ended', async () => {
    known([execution({ id: FIRST })], { [FIRST]: EVENTS })
    const store = await connected()
    await until(() => {
      expect(store.executionStatus).toBe('completed')
    })

    known([execution({ id: SECOND, status: 'running' }), execution({ id: FIRST })])
    server.say(...log(SECOND, started('Another?')))

    await until(() => {
      expect(store.currentExecutionId).toBe(SECOND)
    })
  })

  test('stays where it is while the shown execution runs, or was picked', async () => {
    known([execution({ id: FIRST, status: 'running' })])
    const store = await connected()
    store.currentExecutionId = FIRST
    server.say(EVENTS[0]!, ...log(SECOND, started('Another?')))

    await until(() => {
      expect(useExecutionsStore().views.has(SECOND)).toBe(true)
    })
    expect(store.currentExecutionId).toBe(FIRST)
  })
})
