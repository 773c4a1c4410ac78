/**
 * The log of one execution as it grows: a stream that reconnects until the log has ended.
 *
 * Not VueUse's useEventSource: it has no callback per message, and reconnects with the address it was opened with.
 */
import { apiUrl } from './rootPath'
import { isTerminal, type ExecutionEvent, type Preview } from './types'

const OPEN_AGAIN_AFTER = 2_000

export interface EventListener {
  happened: (event: ExecutionEvent) => void
  previewed: (preview: Preview) => void
  /** Where the stream goes on when it is opened again. */
  after: () => number
  /** The stream is open, or it is away and comes back. */
  connected: (isConnected: boolean) => void
}

export interface EventStream {
  close: () => void
}

export function openEventStream(executionId: string, listener: EventListener): EventStream {
  let source: EventSource | null = null
  let timer: ReturnType<typeof setTimeout> | undefined

  function open(): void {
    const address = apiUrl(`/api/executions/${encodeURIComponent(executionId)}/events/stream`)
    address.searchParams.set('after', String(listener.after()))
    address.searchParams.set('previews', 'true')
    const opening = new EventSource(address)
    source = opening
    opening.onopen = () => {
      listener.connected(true)
    }
    opening.onmessage = (message: MessageEvent<string>) => {
      receive(JSON.parse(message.data) as ExecutionEvent | Preview)
    }
    opening.onerror = () => {
      // The browser's own way back would ask from the first address again; ours knows where it is.
      close()
      listener.connected(false)
      timer = setTimeout(open, OPEN_AGAIN_AFTER)
    }
  }

  function receive(said: ExecutionEvent | Preview): void {
    if (said.type === 'preview') {
      listener.previewed(said)
      return
    }
    listener.happened(said)
    if (isTerminal(said)) {
      end()
    }
  }

  function close(): void {
    clearTimeout(timer)
    source?.close()
    source = null
  }

  /** After a sleep the connection may be dead without a word: a new one costs little. */
  function look(): void {
    if (document.visibilityState === 'visible') {
      close()
      open()
    }
  }

  function end(): void {
    document.removeEventListener('visibilitychange', look)
    window.removeEventListener('online', look)
    close()
  }

  document.addEventListener('visibilitychange', look)
  window.addEventListener('online', look)
  open()
  return { close: end }
}
