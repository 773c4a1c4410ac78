/** The whole product, started as a person starts it, in a folder of its own. */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const PROGRAM = fileURLToPath(new URL('../../.venv/bin/dynavera', import.meta.url))
/** Ten seconds on an idle machine; on one that is busy with other tests, many times as long. */
const READY_WITHIN = 240_000
/** `up` promises ten seconds. */
const ENDED_WITHIN = 60_000
const ANSWERED_WITHIN = 5_000
/** Below what systems give to connections that go out: none of these takes a port before the product has it. */
const PORTS = { from: 15_000, to: 32_000 }

type Part = 'up' | 'api' | 'worker'

export class Product {
  private output = ''
  private readonly end: Promise<void>
  private isOver = false

  private constructor(
    readonly address: string,
    private readonly folder: string,
    private readonly environment: NodeJS.ProcessEnv,
    private readonly up: ChildProcess,
  ) {
    const append = (data: Buffer) => (this.output += data.toString())
    up.stdout?.on('data', append)
    up.stderr?.on('data', append)
    this.end = new Promise<void>((over) => {
      up.once('exit', over)
      up.once('error', (error) => {
        this.output += error.message
        over()
      })
    }).then(() => {
      this.isOver = true
    })
  }

  static async start(settings: Record<string, string> = {}): Promise<Product> {
    const folder = await mkdtemp(join(tmpdir(), 'dynavera-e2e-'))
    const [port, mcp, temporal, temporalUi] = await freePorts()
    const environment = {
      ...withoutSettings(process.env),
      DYNAVERA_DATA_DIR: join(folder, 'data'),
      DYNAVERA_PORT: String(port),
      DYNAVERA_MCP_PORT: String(mcp),
      DYNAVERA_TEMPORAL_PORT: String(temporal),
      DYNAVERA_TEMPORAL_UI_PORT: String(temporalUi),
      DYNAVERA_EMBEDDER: 'wordllama',
      ...settings,
    }
    const up = spawn(PROGRAM, ['up'], { cwd: folder, env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
    const product = new Product(`http://127.0.0.1:${port}`, folder, environment, up)
    await product.ready()
    return product
  }

  async loginLink(): Promise<string> {
    const { stdout } = await promisify(execFile)(PROGRAM, ['login'], {
      cwd: this.folder,
      env: this.environment,
    })
    return stdout.trim()
  }

  /** As a crash does it: the process gets no chance to say good-bye. */
  async kill(part: Part): Promise<void> {
    process.kill(await this.pid(part), 'SIGKILL')
  }

  /** As a machine that swaps does it: the process is there, and does nothing until it is thawed. */
  async freeze(part: Part): Promise<{ thaw: () => void }> {
    const pid = await this.pid(part)
    process.kill(pid, 'SIGSTOP')
    return { thaw: () => process.kill(pid, 'SIGCONT') }
  }

  private async pid(part: Part): Promise<number> {
    if (part === 'up') {
      return this.up.pid ?? NaN
    }
    return Number(await readFile(join(this.folder, 'data', 'run', `${part}.pid`), 'utf8'))
  }

  async stop(): Promise<void> {
    this.up.kill('SIGTERM')
    const late = setTimeout(() => this.up.kill('SIGKILL'), ENDED_WITHIN)
    await this.end
    clearTimeout(late)
    // The parts of an `up` that was killed are killed by the system, a moment later.
    await rm(this.folder, { recursive: true, force: true, maxRetries: 8 })
  }

  private async ready(): Promise<void> {
    const deadline = Date.now() + READY_WITHIN
    while (Date.now() < deadline && !this.isOver) {
      if (await this.isHealthy()) {
        return
      }
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    await this.stop()
    throw new Error(`dynavera up is not ready. Its output:\n${this.output}`)
  }

  private async isHealthy(): Promise<boolean> {
    try {
      const response = await fetch(`${this.address}/api/health`, {
        signal: AbortSignal.timeout(ANSWERED_WITHIN),
      })
      return response.ok && ((await response.json()) as { status: string }).status === 'ok'
    } catch (error) {
      if (error instanceof TypeError || (error instanceof DOMException && error.name === 'TimeoutError')) {
        return false
      }
      throw error
    }
  }
}

/** What this machine's person has set must not reach the product under test. */
function withoutSettings(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(environment).filter(
      ([name]) => !/^(DYNAVERA_|TEMPORAL_|OPENAI_|MCP_AGENT_URL)/.test(name),
    ),
  )
}

/** Held open together, so that no two are the same. */
async function freePorts(): Promise<[number, number, number, number]> {
  const held = new Map<number, Server>()
  while (held.size < 4) {
    const port = PORTS.from + Math.floor(Math.random() * (PORTS.to - PORTS.from))
    const server = await listening(port)
    if (server !== null) {
      held.set(port, server)
    }
  }
  await Promise.all(Array.from(held.values(), (server) => once(server.close(), 'close')))
  return [...held.keys()] as [number, number, number, number]
}

async function listening(port: number): Promise<Server | null> {
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
    return server
  } catch {
    return null
  }
}
