/**
 * A WebSocket that reconnects by itself, and reports its state.
 *
 * Not VueUse's useWebSocket: it resets its delays before the server's greeting, reconnects whatever the close code is,
 * and neither reports when it will reconnect nor notices that the machine has slept.
 */
import { apiUrl } from './rootPath'
import type { ClientAction, ServerMessage } from './types'

export const CLOSE_NO_USER = 4401
export const CLOSE_NO_AGENT = 4404
/** The server takes no more sockets now, or cannot serve them: its reason is for people. */
const CLOSE_TRY_AGAIN_LATER = 1013

const FIRST_DELAY = 250
const LOOK_EVERY = 2_000
/** A clock that jumps by more than this stood still: the machine slept, and the socket may be dead without a word. */
const LONGEST_LOOK = 12_000
const LONGEST_DELAY = 10_000

export interface SocketListener {
  /** The server has greeted: from here on it says what happens. */
  opened: () => void
  received: (message: ServerMessage) => void
  /** The socket is away and is tried again at `retryAt`; `reason` is the server's, if it gave one for people. */
  lost: (retryAt: number, reason: string | null) => void
  /** The server does not want this socket, now or later. */
  refused: (code: typeof CLOSE_NO_USER | typeof CLOSE_NO_AGENT) => void
}

export interface LiveSocket {
  /** False if the socket is away; nothing is kept for later. */
  send: (action: ClientAction) => boolean
  close: () => void
}

export function socketAddress(agentId: string): string {
  const address = apiUrl(`/ws/agents/${encodeURIComponent(agentId)}`)
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:'
  address.searchParams.set('previews', 'true')
  return address.href
}

export function openLiveSocket(address: string, listener: SocketListener): LiveSocket {
  let socket: WebSocket | null = null
  let greeted = false
  let failures = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  let lookedAt = Date.now()
  const looking = setInterval(lookForSleep, LOOK_EVERY)

  function open(): void {
    clearTimeout(timer)
    const opening = new WebSocket(address)
    socket = opening
    greeted = false
    opening.onmessage = (event: MessageEvent<string>) => {
      if (socket === opening) {
        receive(event.data)
      }
    }
    opening.onclose = (event) => {
      if (socket === opening) {
        socket = null
        closed(event)
      }
    }
  }

  function receive(text: string): void {
    const message = JSON.parse(text) as ServerMessage
    if (message.type === 'connection') {
      greeted = true
      failures = 0
      listener.opened()
    }
    listener.received(message)
  }

  function closed({ code, reason }: CloseEvent): void {
    if (code === CLOSE_NO_USER || code === CLOSE_NO_AGENT) {
      stop()
      listener.refused(code)
      return
    }
    const delay = backOff(failures)
    failures += 1
    timer = setTimeout(open, delay)
    listener.lost(Date.now() + delay, code === CLOSE_TRY_AGAIN_LATER && reason !== '' ? reason : null)
  }

  /** The network is back, or the person looks again: waiting longer helps nobody. */
  function hurry(): void {
    if (socket === null && document.visibilityState === 'visible') {
      open()
    }
  }

  function lookForSleep(): void {
    const passed = Date.now() - lookedAt
    lookedAt = Date.now()
    if (passed > LONGEST_LOOK && socket !== null) {
      renew()
    }
  }

  function renew(): void {
    const dead = socket
    socket = null
    dead?.close()
    listener.lost(Date.now(), null)
    open()
  }

  function stop(): void {
    clearTimeout(timer)
    clearInterval(looking)
    window.removeEventListener('online', hurry)
    document.removeEventListener('visibilitychange', hurry)
    const closing = socket
    socket = null
    closing?.close()
  }

  window.addEventListener('online', hurry)
  document.addEventListener('visibilitychange', hurry)
  open()

  return {
    send(action) {
      if (socket === null || !greeted || socket.readyState !== WebSocket.OPEN) {
        return false
      }
      socket.send(JSON.stringify(action))
      return true
    },
    close: stop,
  }
}

/** Doubles up to ten seconds; the random part keeps many pages from coming back in the same moment. */
function backOff(failures: number): number {
  return Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** failures) * (0.8 + Math.random() * 0.4)
}
