/** A real WebSocket server that stands for the API's, and the page's address pointed at it. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'

import { WebSocketServer, type RawData, type WebSocket } from 'ws'

import type { ClientAction, ServerMessage } from '@/api/types'

import { AGENT } from './made'

declare global {
  interface Window {
    happyDOM: { setURL: (url: string) => void }
  }
}

export class LiveServer {
  readonly asked: ClientAction[] = []
  /** The agents that the sockets were opened for. */
  readonly opened: string[] = []
  private readonly sockets: WebSocket[] = []

  private constructor(private readonly server: WebSocketServer) {
    server.on('connection', (socket, request) => {
      const address = new URL(request.url ?? '', 'http://127.0.0.1')
      this.opened.push(address.pathname.split('/').at(-1) ?? '')
      this.sockets.push(socket)
      socket.on('message', (data: RawData) => {
        this.asked.push(JSON.parse((data as Buffer).toString()) as ClientAction)
      })
    })
  }

  static async start(): Promise<LiveServer> {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
    await once(server, 'listening')
    window.happyDOM.setURL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    return new LiveServer(server)
  }

  /** How many sockets are open now. */
  get live(): number {
    return this.server.clients.size
  }

  greet(): void {
    this.say({ type: 'connection', agent_id: AGENT, message: 'Hello.' })
  }

  /** To the newest socket. */
  say(...messages: ServerMessage[]): void {
    for (const message of messages) {
      this.sockets.at(-1)?.send(JSON.stringify(message))
    }
  }

  hangUp(code: number, reason?: string): void {
    this.sockets.at(-1)?.close(code, reason)
  }

  async stop(): Promise<void> {
    this.sockets.forEach((socket) => {
      socket.terminate()
    })
    this.server.close()
    await once(this.server, 'close')
  }
}
