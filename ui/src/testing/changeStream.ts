/** The stream of executions as they change, whose words a test says. */
import { http } from 'msw'

import type { Execution } from '@/api/types'

import { network, streamed } from './network'

export class ChangeStream {
  /** How often a page asked for it. */
  asked = 0
  private stream: ReadableStreamDefaultController<Uint8Array> | null = null

  constructor() {
    network.use(
      http.get('*/api/executions/stream', () => {
        this.asked += 1
        return streamed(new ReadableStream<Uint8Array>({ start: (stream) => void (this.stream = stream) }))
      }),
    )
  }

  say(execution: Execution): void {
    this.write(`data: ${JSON.stringify(execution)}\n\n`)
  }

  /** As the API does each second. */
  beat(): void {
    this.write('event: beat\ndata: now\n\n')
  }

  /** The connection breaks, and the page is told to come back at once. */
  breakOff(): void {
    this.write('retry: 10\n\n')
    this.stream?.close()
  }

  private write(text: string): void {
    this.stream?.enqueue(new TextEncoder().encode(text))
  }
}
