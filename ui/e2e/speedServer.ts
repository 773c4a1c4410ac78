/** What the page's speed is measured against: a server that says what a test tells it to, as fast as it likes. */
import { createServer } from 'node:http'
import { readFile } from 'node:fs/promises'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { WebSocketServer } from 'ws'

const DIST = fileURLToPath(new URL('../dist/', import.meta.url))
export const AGENT = '01900000-0000-7000-8000-0000000000aa'
export const EARLIER = 50
const TYPES: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' }
const WORDS = 'Light **that** comes back tells [1] how `much` blood there is. '.split(' ')
const AGENT_SAYS = {
  id: AGENT,
  name: 'Speed',
  description: '',
  instructions: '',
  generator: null,
  collection: 'default',
}
const LIMITS = { top_k: 4, max_tokens: 9_000, temperature: 0.2, status: 'running' }
const MADE = { created_at: '2026-01-01T10:00:00Z', updated_at: '2026-01-01T10:00:00Z' }
const SOURCE = {
  n: 1,
  document_id: AGENT,
  document: 'light.md',
  passage_id: AGENT,
  text: 'Blood absorbs light. '.repeat(20),
  score: 0.5,
  sha256: '',
  heading: '',
  also_in: [],
}

/** Later ones have greater numbers. */
export const executionId = (n: number): string => `01900000-0000-7000-8000-${String(n).padStart(12, '0')}`
export const STREAMED = executionId(EARLIER + 1)

export const wordOf = (index: number): string => WORDS[index % WORDS.length] ?? ''
export const wordsUntil = (word: string): number => WORDS.indexOf(word)
export const wordCount = WORDS.length

/** An execution's log, and what is said before it is in the log, as the socket sends them. */
export class Teller {
  private sequence = 0
  private logged = 0
  private said = 0

  constructor(private readonly execution: string) {}

  started(query: string): string {
    return this.event({ type: 'execution_started', input_data: { query } })
  }

  progress(message: string): string {
    return this.agentEvent('progress', { stage: 'generating', message })
  }

  found(): string {
    return this.agentEvent('step', { step: 'retrieve', message: 'Found 1 passage.', passages: [SOURCE] })
  }

  delta(text: string): string {
    const offset = this.logged
    this.logged += Array.from(text).length
    return this.agentEvent('delta', { offset, text })
  }

  preview(text: string): string {
    const offset = this.said
    this.said += Array.from(text).length
    return JSON.stringify({
      type: 'preview',
      execution_id: this.execution,
      agent_id: AGENT,
      offset,
      text,
    })
  }

  /** A whole execution. */
  whole(query: string, answer: string): string[] {
    const usage = { prompt_tokens: 7, completion_tokens: 5 }
    const output = { answer, sources: [SOURCE], generator: 'speed', usage, finish_reason: 'stop' }
    return [
      this.started(query),
      this.found(),
      this.delta(answer),
      this.agentEvent('message', { text: answer }),
      this.event({ type: 'execution_completed', output_data: output }),
    ]
  }

  private agentEvent(event_type: string, content: object): string {
    return this.event({ type: 'agent_event', event_type, content })
  }

  private event(fields: object): string {
    this.sequence += 1
    const timestamp = new Date(Date.parse(MADE.created_at) + this.sequence * 10).toISOString()
    const place = { execution_id: this.execution, agent_id: AGENT, sequence: this.sequence, timestamp }
    return JSON.stringify({ ...place, ...fields })
  }
}

/** About 2,500 characters with a list and code in each. */
export function longAnswer(n: number): string {
  const paragraph = Array.from({ length: 60 }, (_, index) => wordOf(index + n)).join(' ')
  const list = Array.from({ length: 8 }, (_, index) => `- Point ${index} of answer ${n} [1]`).join('\n')
  return [paragraph, list, '```python\nprint("light")\n```', paragraph, paragraph].join('\n\n')
}

function executionSays(n: number): object {
  const isStreamed = n > EARLIER
  return {
    id: executionId(n),
    agent_id: AGENT,
    status: isStreamed ? 'running' : 'completed',
    stage: null,
    input_data: { query: isStreamed ? 'How fast?' : `Earlier question ${n}?` },
    output_data: null,
    error_message: null,
    retry_of: null,
    created_at: MADE.created_at,
    started_at: MADE.created_at,
    completed_at: isStreamed ? null : '2026-01-01T10:00:05Z',
    temporal_url: null,
  }
}

async function answered(path: string): Promise<{ type: string; body: Buffer | string }> {
  if (path.startsWith('/api/')) {
    return { type: 'application/json', body: JSON.stringify(known(path)) }
  }
  if (extname(path) === '') {
    const page = await readFile(join(DIST, 'index.html'), 'utf-8')
    // As the API does: the page is served for paths of any depth.
    return { type: 'text/html', body: page.replaceAll('="./', '="/') }
  }
  return { type: TYPES[extname(path)] ?? 'image/svg+xml', body: await readFile(join(DIST, path)) }
}

function known(path: string): unknown {
  if (path.endsWith('/executions')) {
    const numbers = Array.from({ length: EARLIER + 1 }, (_, index) => EARLIER + 1 - index)
    return { items: numbers.map(executionSays), next_cursor: null }
  }
  if (path.includes('/api/executions/')) {
    return executionSays(Number(path.split('-').at(-1)))
  }
  if (path.includes('/api/agents/')) {
    return { ...AGENT_SAYS, ...LIMITS, ...MADE }
  }
  const check = { status: 'ok', detail: '' }
  return {
    items: [],
    next_cursor: null,
    id: AGENT,
    name: 'owner',
    status: 'ok',
    checks: { database: check, temporal: check, worker: check, mcp: check },
  }
}

export interface Served {
  address: string
  sockets: WebSocketServer
  close: () => void
}

export async function served(): Promise<Served> {
  const server = createServer((request, response) => {
    void answered(new URL(request.url ?? '/', 'http://x').pathname).then(
      ({ type, body }) => {
        response.writeHead(200, { 'content-type': type })
        response.end(body)
      },
      () => {
        response.writeHead(404)
        response.end()
      },
    )
  })
  const sockets = new WebSocketServer({ server })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sockets,
    close: () => {
      sockets.clients.forEach((socket) => {
        socket.terminate()
      })
      server.close()
    },
  }
}
