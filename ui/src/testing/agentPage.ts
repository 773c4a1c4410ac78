/** The page of an agent for tests, with a live server behind it. */
import { screen, within } from '@testing-library/vue'
import { http, HttpResponse, type RequestHandler } from 'msw'
import { afterEach, beforeEach, expect, vi } from 'vitest'

import type { Execution, ExecutionEvent } from '@/api/types'

import { LiveServer } from './liveServer'
import {
  agent,
  AGENT,
  completed,
  delta,
  FIRST,
  found,
  log,
  message,
  progress,
  SECOND,
  source,
  started,
} from './made'
import { network } from './network'
import { unfoldLog } from './unfoldLog'
import { opened } from './opened'

/** The server of the test that runs now. */
export const live = {} as { server: LiveServer }

beforeEach(async () => {
  sessionStorage.clear()
  unfoldLog()
  live.server = await LiveServer.start()
})

afterEach(async () => {
  await live.server.stop()
})

/** What REST knows: the agent's executions, newest first, and their logs. */
export function known(executions: Execution[], logs: Record<string, ExecutionEvent[]> = {}): void {
  network.use(
    http.get('*/api/me', () => HttpResponse.json({ id: SECOND, name: 'owner' })),
    http.get('*/api/agents/:id', () => HttpResponse.json(agent())),
    http.get('*/api/agents/:id/executions', () =>
      HttpResponse.json({ items: executions, next_cursor: null }),
    ),
    http.get('*/api/executions/:id', ({ params }) =>
      HttpResponse.json(executions.find(({ id }) => id === params.id)),
    ),
    http.get('*/api/executions/:id/events', ({ params }) =>
      HttpResponse.json({ items: logs[String(params.id)] ?? [], next_after: null }),
    ),
  )
}

export async function openedLive(path = `/agents/${AGENT}`): ReturnType<typeof opened> {
  const page = await opened(path)
  await vi.waitFor(() => {
    expect(live.server.opened).toEqual([AGENT])
  })
  live.server.greet()
  await screen.findByText('Live')
  return page
}

export async function sent(action: string): Promise<Record<string, unknown>> {
  return vi.waitFor(() => {
    const found = live.server.asked.find((one) => one.action === action)
    expect(found).toBeDefined()
    return found as unknown as Record<string, unknown>
  })
}

export const WHOLE = log(
  FIRST,
  started(),
  progress({ stage: 'retrieving', message: 'Looking for passages.' }),
  found(source(1, 'Blood absorbs light.')),
  delta(0, 'Light '),
  delta(6, '[1].'),
  message('Light [1].'),
  completed('Light [1].', source(1, 'Blood absorbs light.')),
)

export function documentOf(state: 'unchanged' | 'changed' | 'gone', text: string): RequestHandler[] {
  return [
    http.get('*/api/executions/:id/sources/:n', () =>
      HttpResponse.json({ source: source(1, 'Blood absorbs light.'), document: null, passage: null, state }),
    ),
    http.get('*/api/documents/:id/text', () => HttpResponse.json({ text, media_type: 'text/markdown' })),
  ]
}

export function tags(): (string | null)[] {
  const lines = within(screen.getByRole('log')).getAllByRole('listitem')
  return lines.map((line) => line.querySelector('.tag')!.textContent)
}

export async function logged(expected: string[]): Promise<void> {
  // The code of the log is loaded when it is first unfolded.
  await vi.waitFor(
    () => {
      expect(tags()).toEqual(expected)
    },
    { timeout: 5_000 },
  )
}
