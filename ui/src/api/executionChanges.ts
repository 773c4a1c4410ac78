/** Executions as they change, wherever they were started: a stream that comes back by itself while somebody looks. */
import { problemOf, type ApiProblem } from './problems'
import { apiUrl } from './rootPath'
import type { Execution } from './types'

const ADDRESS = '/api/executions/stream?beat=true'
const OPEN_AGAIN_AFTER = 3_000
/** The API's heart beats once a second. */
const SILENT_AFTER = 2_000
const OPEN_AGAIN_WHEN_SILENT_FOR = 6_000
const LISTEN_EVERY = 300

export interface ChangeListener {
  /** The stream is open, for the first time or again; what happened before is not in it. */
  opened: () => void
  changed: (execution: Execution) => void
  /** A stream that was silent is heard again, and has missed nothing. */
  heard: () => void
  /** The stream broke or is silent, and comes back; `isRefused` if the API answered and did not want it. */
  lost: (isRefused: boolean) => void
}

export interface ExecutionChanges {
  close: () => void
}

export function openExecutionChanges(listener: ChangeListener): ExecutionChanges {
  const address = apiUrl(ADDRESS)
  let source: EventSource | null = null
  let timer: ReturnType<typeof setTimeout> | undefined
  let listening: ReturnType<typeof setInterval> | undefined
  let heardAt = 0
  let isSilent = false
  /** From the first beat on its absence means something: a proxy may hold back what is small. */
  let isBeating = false

  function open(): void {
    const opening = new EventSource(address)
    source = opening
    isSilent = false
    heardAt = Date.now()
    listening = setInterval(listen, LISTEN_EVERY)
    opening.onopen = () => {
      isSilent = false
      heardAt = Date.now()
      listener.opened()
    }
    opening.addEventListener('beat', () => {
      isBeating = true
      hear()
    })
    opening.onmessage = (event: MessageEvent<string>) => {
      hear()
      listener.changed(JSON.parse(event.data) as Execution)
    }
    opening.onerror = () => {
      fail(opening)
    }
  }

  function fail(opening: EventSource): void {
    // The browser opens a stream again that broke, but not one that was answered with an error.
    const isRefused = opening.readyState === EventSource.CLOSED
    isSilent = true
    if (isRefused) {
      close()
      timer = setTimeout(open, OPEN_AGAIN_AFTER)
    }
    listener.lost(isRefused)
  }

  function hear(): void {
    heardAt = Date.now()
    if (isSilent) {
      isSilent = false
      listener.heard()
    }
  }

  /** A network that is gone, or a laptop that slept, ends no connection: only the silence tells. */
  function listen(): void {
    const silence = Date.now() - heardAt
    if (source?.readyState === EventSource.OPEN && !isBeating) {
      return
    }
    if (silence > OPEN_AGAIN_WHEN_SILENT_FOR) {
      close()
      open()
    }
    if (silence > SILENT_AFTER && !isSilent) {
      isSilent = true
      listener.lost(false)
    }
  }

  function close(): void {
    clearTimeout(timer)
    clearInterval(listening)
    source?.close()
    source = null
  }

  /** A browser has six connections for all its tabs, so a page that nobody looks at keeps none. */
  function look(): void {
    close()
    if (document.visibilityState === 'visible') {
      open()
    }
  }

  document.addEventListener('visibilitychange', look)
  window.addEventListener('online', look)
  look()

  return {
    close() {
      document.removeEventListener('visibilitychange', look)
      window.removeEventListener('online', look)
      close()
    },
  }
}

/** Why the API refuses the stream: an event source does not tell, a plain request does. Null if it does not, or is away. */
export async function streamRefusal(): Promise<ApiProblem | null> {
  const asking = new AbortController()
  try {
    const response = await fetch(apiUrl(ADDRESS), { signal: asking.signal })
    return response.ok ? null : problemOf(response, await response.json())
  } catch (error) {
    if (error instanceof TypeError || error instanceof SyntaxError) {
      return null
    }
    throw error
  } finally {
    asking.abort()
  }
}
