/** The stream of one execution's log, whose events a test says. */
import { http } from 'msw'

import type { ExecutionEvent, Preview } from '@/api/types'

import { network, streamed } from './network'

export class EventLogStream {
  /** Where the page wanted it to begin, each time. */
  readonly asked: number[] = []
  private stream: ReadableStreamDefaultController<Uint8Array> | null = null

  constructor() {
    network.use(
      http.get('*/api/executions/:id/events/stream', ({ request }) => {
        this.asked.push(Number(new URL(request.url).searchParams.get('after')))
        return streamed(new ReadableStream<Uint8Array>({ start: (stream) => void (this.stream = stream) }))
      }),
    )
  }

  say(...events: ExecutionEvent[]): void {
    for (const event of events) {
      this.stream?.enqueue(
        new TextEncoder().encode(`id: ${event.sequence}\ndata: ${JSON.stringify(event)}\n\n`),
      )
    }
  }

  preview(said: Preview): void {
    this.stream?.enqueue(new TextEncoder().encode(`data: ${JSON.stringify(said)}\n\n`))
  }

  breakOff(): void {
    this.stream?.close()
  }
}
