/** How much of a core a streaming answer takes, and how smoothly a long log scrolls: the built page in real Chromium. */
import { createServer } from 'node:http'
import { readFile } from 'node:fs/promises'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { chromium, type CDPSession, type Page } from 'playwright-core'
import { WebSocketServer, type WebSocket } from 'ws'

import { findChromium, FLAGS, HOW_TO_INSTALL } from './chromium'

const DIST = fileURLToPath(new URL('../dist/', import.meta.url))
const AGENT = '01900000-0000-7000-8000-0000000000aa'
const EXECUTION = '01900000-0000-7000-8000-000000000001'
const DELTAS_A_SECOND = 100
const SECONDS = 15
const LINES = 10_000
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
const EXECUTION_SAYS = {
  id: EXECUTION,
  agent_id: AGENT,
  status: 'running',
  stage: null,
  input_data: { query: 'How fast?' },
  output_data: null,
  error_message: null,
  retry_of: null,
  created_at: MADE.created_at,
  started_at: MADE.created_at,
  completed_at: null,
  temporal_url: null,
}

let sequence = 0
let offset = 0

function event(fields: object): string {
  sequence += 1
  const timestamp = new Date(Date.parse(MADE.created_at) + sequence * 10).toISOString()
  return JSON.stringify({ execution_id: EXECUTION, agent_id: AGENT, sequence, timestamp, ...fields })
}

function delta(index: number): string {
  const text = index % 120 === 119 ? '\n\n' : `${WORDS[index % WORDS.length] ?? ''} `
  const content = { offset, text }
  offset += Array.from(text).length
  return event({ type: 'agent_event', event_type: 'delta', content })
}

const begun = () => event({ type: 'execution_started', input_data: { query: 'How fast?' } })
const progress = (message: string) =>
  event({ type: 'agent_event', event_type: 'progress', content: { stage: 'generating', message } })

async function answered(path: string): Promise<{ type: string; body: Buffer | string }> {
  if (path.startsWith('/api/')) {
    return { type: 'application/json', body: JSON.stringify(known(path)) }
  }
  const file = extname(path) === '' ? 'index.html' : path
  return { type: TYPES[extname(file)] ?? 'image/svg+xml', body: await readFile(join(DIST, file)) }
}

function known(path: string): unknown {
  if (path.endsWith('/executions')) {
    return { items: [EXECUTION_SAYS], next_cursor: null }
  }
  if (path.includes('/api/executions/')) {
    return EXECUTION_SAYS
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

interface Served {
  address: string
  sockets: WebSocketServer
  close: () => void
}

async function served(): Promise<Served> {
  const server = createServer((request, response) => {
    void answered(new URL(request.url ?? '/', 'http://x').pathname).then(({ type, body }) => {
      response.writeHead(200, { 'content-type': type })
      response.end(body)
    })
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

async function metrics(session: CDPSession): Promise<Record<string, number>> {
  const { metrics: found } = await session.send('Performance.getMetrics')
  return Object.fromEntries(found.map(({ name, value }) => [name, value]))
}

/** What a page costs that only shows that something runs: the streaming's baseline. */
async function waiting(page: Page): Promise<void> {
  const session = await page.context().newCDPSession(page)
  await session.send('Performance.enable', { timeDomain: 'threadTicks' })
  const before = await metrics(session)
  const begin = performance.now()
  await new Promise((resolve) => setTimeout(resolve, 5_000))
  const after = await metrics(session)
  const spent = (after.TaskDuration ?? 0) - (before.TaskDuration ?? 0)
  say(`running without a word: ${((spent / (performance.now() - begin)) * 100_000).toFixed(1)} % of a core`)
}

async function streaming(page: Page, socket: WebSocket): Promise<void> {
  const session = await page.context().newCDPSession(page)
  // In time on the processor: what else the machine does is not counted.
  await session.send('Performance.enable', { timeDomain: 'threadTicks' })
  const before = await metrics(session)
  const begin = performance.now()
  for (let index = 0; index < DELTAS_A_SECOND * SECONDS; index += 1) {
    socket.send(delta(index))
    const wait = begin + ((index + 1) * 1_000) / DELTAS_A_SECOND - performance.now()
    if (wait > 1) {
      await new Promise((resolve) => setTimeout(resolve, wait))
    }
  }
  const took = (performance.now() - begin) / 1_000
  const after = await metrics(session)
  const share = (name: string) => (((after[name] ?? 0) - (before[name] ?? 0)) / took) * 100
  say(
    `streaming: ${((DELTAS_A_SECOND * SECONDS) / took).toFixed(0)} deltas a second for ${took.toFixed(1)} s`,
  )
  for (const name of ['TaskDuration', 'ScriptDuration', 'LayoutDuration', 'RecalcStyleDuration']) {
    say(`  ${name.padEnd(20)} ${share(name).toFixed(1)} % of a core`)
  }
}

/** The times between frames while `work` runs in the page, in milliseconds. */
async function frames(page: Page, work: string): Promise<number[]> {
  return page.evaluate<number[]>(`(async () => {
    const times = []; let last = performance.now(); let isOver = false
    const look = (now) => { times.push(now - last); last = now; if (!isOver) requestAnimationFrame(look) }
    requestAnimationFrame((now) => { last = now; requestAnimationFrame(look) })
    await (${work})()
    isOver = true
    return times.slice(1)
  })()`)
}

function report(name: string, times: number[]): void {
  const sorted = [...times].sort((one, other) => one - other)
  const at = (part: number) => (sorted[Math.floor(part * (sorted.length - 1))] ?? 0).toFixed(1)
  const late = times.filter((time) => time > 34).length
  say(
    `${name}: ${times.length} frames, median ${at(0.5)} ms, 95 % ${at(0.95)} ms, longest ${at(1)} ms, ${late} later than 34 ms`,
  )
}

async function longLog(page: Page, socket: WebSocket): Promise<void> {
  const session = await page.context().newCDPSession(page)
  // In time on the processor: what else the machine does is not counted.
  await session.send('Performance.enable', { timeDomain: 'threadTicks' })
  const before = await metrics(session)
  for (let index = 0; index < LINES; index += 1) {
    socket.send(
      progress(
        `Line ${index} of a long log, which says something about ${WORDS[index % WORDS.length] ?? ''}.`,
      ),
    )
  }
  await page.locator(`[role="log"] li[aria-posinset="${LINES + 1}"]`).waitFor()
  const after = await metrics(session)
  const spent = ((after.TaskDuration ?? 0) - (before.TaskDuration ?? 0)) * 1_000
  say(
    `log: ${LINES} events came, folded and shown with ${spent.toFixed(0)} ms of work, heap ${((after.JSHeapUsedSize ?? 0) / 1e6).toFixed(0)} MB`,
  )
  const scroll = `async () => { const list = document.querySelector('[role=log]')
    for (let step = 0; step < 240; step += 1) { list.scrollTop -= 700; await new Promise(requestAnimationFrame) } }`
  report(
    '  idle',
    await frames(
      page,
      'async () => { for (let step = 0; step < 120; step += 1) await new Promise(requestAnimationFrame) }',
    ),
  )
  report('  scrolling', await frames(page, scroll))
  const begin = performance.now()
  await page.getByRole('searchbox', { name: 'Search the log' }).fill('blood')
  const holding = Math.ceil((LINES - WORDS.indexOf('blood')) / WORDS.length)
  await page.locator(`[role="log"] li[aria-setsize="${holding}"]`).first().waitFor()
  say(`  filtering by text: ${(performance.now() - begin).toFixed(0)} ms until it is shown`)
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

async function opened(page: Page, { address, sockets }: Served): Promise<WebSocket> {
  const connected = once(sockets, 'connection') as Promise<[WebSocket]>
  sequence = offset = 0
  await page.goto(`${address}/agents/${AGENT}`)
  const [socket] = await connected
  socket.send(JSON.stringify({ type: 'connection', agent_id: AGENT, message: 'Connected.' }))
  socket.send(begun())
  socket.send(progress('Writing the answer.'))
  await page.getByRole('heading', { name: 'How fast?' }).waitFor()
  return socket
}

const chromiumPath = findChromium()
if (chromiumPath === null) {
  process.stderr.write(`${HOW_TO_INSTALL}\n`)
  process.exit(1)
}
const server = await served()
const browser = await chromium.launch({ executablePath: chromiumPath, args: FLAGS })
try {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
  const socket = await opened(page, server)
  await waiting(page)
  await streaming(page, socket)
  const other = await browser.newPage({ viewport: { width: 1440, height: 900 } })
  await longLog(other, await opened(other, server))
} finally {
  await browser.close()
  server.close()
}
