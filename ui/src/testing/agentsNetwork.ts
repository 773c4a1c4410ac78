/** The API that the page of agents asks: what there is, which a test says. */
import { http, HttpResponse } from 'msw'

import type { Agent, Execution } from '@/api/types'

import { execution, knownDocument, problem, SECOND } from './made'
import { network } from './network'

export function listed(...agents: Agent[]): void {
  network.use(
    http.get('*/api/agents', () => HttpResponse.json({ items: agents, next_cursor: null })),
    http.get('*/api/agents/:id', ({ params }) => {
      const found = agents.find(({ id }) => id === params.id)
      const missing = problem({ status: 404, code: 'agent_not_found', detail: 'There is no such agent.' })
      return found === undefined ? HttpResponse.json(missing, { status: 404 }) : HttpResponse.json(found)
    }),
  )
}

export function lastAsked(...executions: Execution[]): void {
  network.use(http.get('*/api/executions', () => HttpResponse.json({ items: executions, next_cursor: null })))
}

export function has(...names: string[]): void {
  const documents = names.map((name) => knownDocument({ name }))
  network.use(http.get('*/api/documents', () => HttpResponse.json({ items: documents, next_cursor: null })))
}

/** Somebody is logged in, and has an instance with little in it. */
export function quietInstance(): void {
  network.use(
    http.get('*/api/me', () => HttpResponse.json({ id: SECOND, name: 'owner' })),
    http.get('*/api/system', () =>
      HttpResponse.json({ generator: 'extractive', generators: ['extractive', 'openai:small'] }),
    ),
    http.get('*/api/collections', () =>
      HttpResponse.json({ items: [{ name: 'papers', documents: 3, passages: 9 }] }),
    ),
  )
  lastAsked(execution())
  has()
}
