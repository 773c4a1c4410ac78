/** Executions as they change: the page's one stream, shared by all that read it. */
import { defineStore } from 'pinia'
import { ref } from 'vue'

import { openExecutionChanges, streamRefusal, type ExecutionChanges } from '@/api/executionChanges'
import type { Execution } from '@/api/types'
import { useHealthStore } from '@/health/healthStore'
import { useSessionStore } from '@/session/sessionStore'

export type LivePhase = 'closed' | 'connecting' | 'live' | 'lost'

export interface ChangeReader {
  /** The stream is open, for the first time or again: what happened before is not in it, so read it now. */
  opened?: () => void
  changed?: (execution: Execution) => void
}

export const useExecutionChangesStore = defineStore('executionChanges', () => {
  const health = useHealthStore()
  const session = useSessionStore()
  const phase = ref<LivePhase>('closed')
  /** Why the API refuses the stream, in its words. */
  const refusal = ref<string | null>(null)
  const readers = new Set<ChangeReader>()
  let stream: ExecutionChanges | null = null

  function open(): void {
    if (stream === null) {
      phase.value = 'connecting'
      stream = openExecutionChanges({ opened, changed, heard, lost })
    }
  }

  function close(): void {
    stream?.close()
    stream = null
    phase.value = 'closed'
  }

  /** What it returns ends the reading. */
  function read(reader: ChangeReader): () => void {
    readers.add(reader)
    return () => readers.delete(reader)
  }

  function opened(): void {
    phase.value = 'live'
    refusal.value = null
    readers.forEach((reader) => reader.opened?.())
  }

  function changed(execution: Execution): void {
    readers.forEach((reader) => reader.changed?.(execution))
  }

  function heard(): void {
    phase.value = 'live'
  }

  function lost(isRefused: boolean): void {
    phase.value = 'lost'
    void health.look()
    if (isRefused) {
      // Who is no longer logged in learns it from this.
      void session.recognise()
      void askWhy()
    }
  }

  async function askWhy(): Promise<void> {
    const problem = await streamRefusal()
    refusal.value = problem === null || problem.status === 401 ? null : problem.message
  }

  return { phase, refusal, open, close, read }
})
