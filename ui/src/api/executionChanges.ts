/** Executions as they change, wherever they were started: a stream that comes back by itself while somebody looks. */
import type { Execution } from './types'

const OPEN_AGAIN_AFTER = 3_000

export interface ChangeListener {
  /** The stream is open, for the first time or again; what happened before is not in it. */
  opened: () => void
  changed: (execution: Execution) => void
  /** The stream broke, and comes back; `isRefused` if the API answered and did not want it. */
  lost: (isRefused: boolean) => void
}

export interface ExecutionChanges {
  close: () => void
}

export function openExecutionChanges(listener: ChangeListener): ExecutionChanges {
  const address = new URL('/api/executions/stream', window.location.href)
  let source: EventSource | null = null
  let timer: ReturnType<typeof setTimeout> | undefined

  function open(): void {
    const opening = new EventSource(address)
    source = opening
    opening.onopen = listener.opened
    opening.onmessage = (event: MessageEvent<string>) => {
      listener.changed(JSON.parse(event.data) as Execution)
    }
    opening.onerror = () => {
      // The browser opens a stream again that broke, but not one that was answered with an error.
      const isRefused = opening.readyState === EventSource.CLOSED
      if (isRefused) {
        close()
        timer = setTimeout(open, OPEN_AGAIN_AFTER)
      }
      listener.lost(isRefused)
    }
  }

  function close(): void {
    clearTimeout(timer)
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
  look()

  return {
    close() {
      document.removeEventListener('visibilitychange', look)
      close()
    },
  }
}
