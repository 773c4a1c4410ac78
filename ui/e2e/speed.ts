/** How much of a core a streaming answer takes, and how smoothly a long log scrolls: the built page in real Chromium. */
import { once } from 'node:events'

import { chromium, type Browser, type CDPSession, type Page } from 'playwright-core'
import type { WebSocket } from 'ws'

import { findChromium, FLAGS, HOW_TO_INSTALL } from './chromium'
import {
  AGENT,
  EARLIER,
  executionId,
  longAnswer,
  served,
  STREAMED,
  Teller,
  wordCount,
  wordOf,
  wordsUntil,
  type Served,
} from './speedServer'

const DELTAS_A_SECOND = 100
const SECONDS = 15
const LINES = 10_000
/** How many deltas the log is behind what the model has said. */
const BEHIND = 10
/** From here on a task is felt, in milliseconds. */
const LONG_TASK = 50

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

async function streaming(page: Page, socket: WebSocket, teller: Teller): Promise<void> {
  const session = await page.context().newCDPSession(page)
  // In time on the processor: what else the machine does is not counted.
  await session.send('Performance.enable', { timeDomain: 'threadTicks' })
  const before = await metrics(session)
  const took = await stream(socket, teller)
  const after = await metrics(session)
  const share = (name: string) => (((after[name] ?? 0) - (before[name] ?? 0)) / took) * 100
  say(
    `streaming: ${((DELTAS_A_SECOND * SECONDS) / took).toFixed(0)} deltas a second for ${took.toFixed(1)} s, after ${EARLIER} answers`,
  )
  for (const name of ['TaskDuration', 'ScriptDuration', 'LayoutDuration', 'RecalcStyleDuration']) {
    say(`  ${name.padEnd(20)} ${share(name).toFixed(1)} % of a core`)
  }
}

/** Each word as a preview, and a moment later as a delta. Returns the seconds it took. */
async function stream(socket: WebSocket, teller: Teller): Promise<number> {
  const begin = performance.now()
  const count = DELTAS_A_SECOND * SECONDS
  for (let index = 0; index < count; index += 1) {
    socket.send(teller.preview(pieceOf(index)))
    if (index >= BEHIND) {
      socket.send(teller.delta(pieceOf(index - BEHIND)))
    }
    const wait = begin + ((index + 1) * 1_000) / DELTAS_A_SECOND - performance.now()
    if (wait > 1) {
      await new Promise((resolve) => setTimeout(resolve, wait))
    }
  }
  return (performance.now() - begin) / 1_000
}

const pieceOf = (index: number) => (index % 120 === 119 ? '\n\n' : `${wordOf(index)} `)

interface Task {
  /** Both in milliseconds: as time went by, and on the processor. */
  lasted: number
  worked: number
}

interface TraceEvent {
  name: string
  ph: string
  pid: number
  tid: number
  dur?: number
  tdur?: number
  args?: { name?: string }
}

/** The same again, looking at each task of the page's thread. Tracing costs something, so it is no part of the shares. */
async function tasks(browser: Browser, page: Page, socket: WebSocket, teller: Teller): Promise<void> {
  await page.evaluate(`window.longTasks = []
    new PerformanceObserver((list) => window.longTasks.push(...list.getEntries().map((one) => one.duration)))
      .observe({ type: 'longtask' })`)
  await browser.startTracing(page, { categories: ['toplevel', '__metadata'] })
  await stream(socket, teller)
  const found = tasksIn(await browser.stopTracing())
  const long = await page.evaluate<number[]>('window.longTasks')
  const longest = found.reduce((one, other) => (one.worked > other.worked ? one : other))
  const over = found.filter(({ worked }) => worked > LONG_TASK).length
  say(
    `  long tasks: ${long.length}${long.length > 0 ? `, the longest ${Math.max(...long).toFixed(0)} ms` : ''} as time went by`,
  )
  say(
    `  on the processor: ${over} of ${found.length} tasks over ${LONG_TASK} ms, the longest ${longest.worked.toFixed(0)} ms (lasted ${longest.lasted.toFixed(0)} ms)`,
  )
}

function tasksIn(trace: Buffer): Task[] {
  const { traceEvents } = JSON.parse(trace.toString()) as { traceEvents: TraceEvent[] }
  const threads = new Set(
    traceEvents
      .filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain')
      .map(({ pid, tid }) => `${pid} ${tid}`),
  )
  const found = traceEvents
    .filter(
      ({ name, ph, pid, tid }) => ph === 'X' && name.endsWith('RunTask') && threads.has(`${pid} ${tid}`),
    )
    .map(({ dur = 0, tdur = 0 }) => ({ lasted: dur / 1_000, worked: tdur / 1_000 }))
  if (found.length === 0) {
    throw new Error('The trace holds no task of the page.')
  }
  return found
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

async function longLog(page: Page, socket: WebSocket, teller: Teller): Promise<void> {
  const session = await page.context().newCDPSession(page)
  // In time on the processor: what else the machine does is not counted.
  await session.send('Performance.enable', { timeDomain: 'threadTicks' })
  const before = await metrics(session)
  for (let index = 0; index < LINES; index += 1) {
    socket.send(teller.progress(`Line ${index} of a long log, which says something about ${wordOf(index)}.`))
  }
  await page.locator(`[role="log"] li[aria-posinset="${LINES + 3}"]`).waitFor()
  const after = await metrics(session)
  const spent = ((after.TaskDuration ?? 0) - (before.TaskDuration ?? 0)) * 1_000
  say(
    `log: ${LINES.toLocaleString('en')} events came, folded and shown with ${spent.toFixed(0)} ms of work, heap ${((after.JSHeapUsedSize ?? 0) / 1e6).toFixed(0)} MB`,
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
  const holding = Math.ceil((LINES - wordsUntil('blood')) / wordCount)
  await page.locator(`[role="log"] li[aria-setsize="${holding}"]`).first().waitFor()
  say(`  filtering by text: ${(performance.now() - begin).toFixed(0)} ms until it is shown`)
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

interface Opened {
  socket: WebSocket
  teller: Teller
}

async function opened(page: Page, { address, sockets }: Served): Promise<Opened> {
  const connected = once(sockets, 'connection') as Promise<[WebSocket]>
  await page.goto(`${address}/agents/${AGENT}?execution=${STREAMED}`)
  const [socket] = await connected
  socket.send(JSON.stringify({ type: 'connection', agent_id: AGENT, message: 'Connected.' }))
  for (let n = 1; n <= EARLIER; n += 1) {
    new Teller(executionId(n)).whole(`Earlier question ${n}?`, longAnswer(n)).forEach((said) => {
      socket.send(said)
    })
  }
  const teller = new Teller(STREAMED)
  socket.send(teller.started('How fast?'))
  socket.send(teller.found())
  socket.send(teller.progress('Writing the answer.'))
  await page.getByRole('heading', { name: 'How fast?' }).waitFor()
  return { socket, teller }
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
  const { socket, teller } = await opened(page, server)
  await waiting(page)
  await streaming(page, socket, teller)
  await tasks(browser, page, socket, teller)
  await page.close()
  const other = await browser.newPage({ viewport: { width: 1440, height: 900 } })
  await other.addInitScript('localStorage.setItem("dynavera-log-open", "true")')
  const second = await opened(other, server)
  await longLog(other, second.socket, second.teller)
} finally {
  await browser.close()
  server.close()
}
