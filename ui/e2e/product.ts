/** The whole product, started as a person starts it, in a folder of its own. */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const PROGRAM = fileURLToPath(new URL('../../.venv/bin/dynavera', import.meta.url))
const READY_WITHIN = 60_000

export class Product {
  private said = ''

  private constructor(
    readonly address: string,
    private readonly folder: string,
    private readonly environment: NodeJS.ProcessEnv,
    private readonly up: ChildProcess,
  ) {
    const hear = (data: Buffer) => (this.said += data.toString())
    up.stdout?.on('data', hear)
    up.stderr?.on('data', hear)
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
  async kill(part: 'api' | 'worker'): Promise<void> {
    process.kill(await this.pid(part), 'SIGKILL')
  }

  /** As a machine that swaps does it: the process is there, and does nothing until it is thawed. */
  async freeze(part: 'api' | 'worker'): Promise<{ thaw: () => void }> {
    const pid = await this.pid(part)
    process.kill(pid, 'SIGSTOP')
    return { thaw: () => process.kill(pid, 'SIGCONT') }
  }

  private async pid(part: 'api' | 'worker'): Promise<number> {
    return Number(await readFile(join(this.folder, 'data', 'run', `${part}.pid`), 'utf8'))
  }

  async stop(): Promise<void> {
    if (this.up.exitCode === null) {
      const exit = once(this.up, 'exit')
      this.up.kill('SIGTERM')
      await exit
    }
    await rm(this.folder, { recursive: true, force: true })
  }

  private async ready(): Promise<void> {
    const deadline = Date.now() + READY_WITHIN
    while (Date.now() < deadline && this.up.exitCode === null) {
      if (await this.isHealthy()) {
        return
      }
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    await this.stop()
    throw new Error(`dynavera up is not ready. It said:\n${this.said}`)
  }

  private async isHealthy(): Promise<boolean> {
    try {
      const response = await fetch(`${this.address}/api/health`)
      return response.ok && ((await response.json()) as { status: string }).status === 'ok'
    } catch (error) {
      if (error instanceof TypeError) {
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
  const servers = Array.from({ length: 4 }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return ports as [number, number, number, number]
}
