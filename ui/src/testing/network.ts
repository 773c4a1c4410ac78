/** The network as tests see it: what is not answered by a handler is an error. */
import { http, HttpResponse } from 'msw'
import { setupServer } from 'msw/node'

import { execution, health } from './made'

/** Every page asks how the parts are, and some for what there is; unless a test says more, all is quiet. */
export const network = setupServer(
  http.get('*/api/executions', () => HttpResponse.json({ items: [execution()], next_cursor: null })),
  http.get('*/api/agents', () => HttpResponse.json({ items: [], next_cursor: null })),
  http.get('*/api/documents', () => HttpResponse.json({ items: [], next_cursor: null })),
  http.get('*/api/executions/counts', () =>
    HttpResponse.json({ queued: 0, running: 0, completed: 0, failed: 0, stopped: 0 }),
  ),
  http.get('*/api/collections', () => HttpResponse.json({ items: [] })),
  http.get('*/api/sessions', () => HttpResponse.json({ items: [], next_cursor: null })),
  http.get('*/api/health', () => HttpResponse.json(health())),
  http.get('*/api/executions/stream', () => streamed(new ReadableStream())),
)

export function streamed(body: ReadableStream): HttpResponse<ReadableStream> {
  return new HttpResponse(body, { headers: { 'content-type': 'text/event-stream' } })
}
