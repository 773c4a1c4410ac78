/** What is known of each execution, by its id. */
import { defineStore } from 'pinia'
import { shallowReactive } from 'vue'

import type { ExecutionEvent, Preview } from '@/api/types'

import { applied, continuity, emptyView, previewed, type ExecutionView } from './executionView'

export const useExecutionsStore = defineStore('executions', () => {
  const views = shallowReactive(new Map<string, ExecutionView>())

  function view(executionId: string): ExecutionView {
    return views.get(executionId) ?? emptyView(executionId)
  }

  /** Folds an event in; false if events before it are missing, and it must be sent again after them. */
  function record(event: ExecutionEvent): boolean {
    const known = view(event.execution_id)
    const standing = continuity(known, event)
    if (standing === 'next') {
      views.set(event.execution_id, applied(known, event))
    }
    return standing !== 'gap'
  }

  function preview(said: Preview): void {
    const known = view(said.execution_id)
    const next = previewed(known, said)
    if (next !== known) {
      views.set(said.execution_id, next)
    }
  }

  function forget(): void {
    views.clear()
  }

  return { views, view, record, preview, forget }
})
