/** What is known of each execution, by its id. */
import { defineStore } from 'pinia'
import { shallowReactive } from 'vue'

import type { ExecutionEvent } from '@/api/types'

import { applied, continuity, emptyView, type ExecutionView } from './view'

export const useExecutionsStore = defineStore('executions', () => {
  const views = shallowReactive(new Map<string, ExecutionView>())
  const logs = new Map<string, ExecutionEvent[]>()

  function view(executionId: string): ExecutionView {
    return views.get(executionId) ?? emptyView(executionId)
  }

  /** Folds an event in; false if events before it are missing, and it must be sent again after them. */
  function record(event: ExecutionEvent): boolean {
    const known = view(event.execution_id)
    const standing = continuity(known, event)
    if (standing === 'next') {
      eventsOf(event.execution_id).push(event)
      views.set(event.execution_id, applied(known, event))
    }
    return standing !== 'gap'
  }

  /** The events behind a view, for those who read them one by one. */
  function eventsOf(executionId: string): ExecutionEvent[] {
    const kept = logs.get(executionId) ?? shallowReactive<ExecutionEvent[]>([])
    logs.set(executionId, kept)
    return kept
  }

  function forget(): void {
    views.clear()
    logs.clear()
  }

  return { views, view, record, eventsOf, forget }
})
