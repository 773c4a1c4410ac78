/** An agent's executions, newest first, read again whenever one of them starts, ends or was missed. */
import { computed, onScopeDispose, watch, type ComputedRef, type Ref, type ShallowRef } from 'vue'

import * as api from '@/api/client'
import type { ApiProblem } from '@/api/problems'
import { isLive, type Execution } from '@/api/types'
import { useListing } from '@/api/useListing'

import { useExecutionsStore } from './executionsStore'

const PAGE = 20

export interface History {
  executions: ComputedRef<Execution[] | null>
  problem: ShallowRef<ApiProblem | null>
  hasMore: Ref<boolean>
  refresh: () => Promise<void>
  more: () => Promise<void>
}

export function useExecutionHistory(agentId: string, isConnected: () => boolean): History {
  const store = useExecutionsStore()
  const { items, problem, hasMore, refresh, more } = useListing((cursor) =>
    api.listExecutions(agentId, cursor, PAGE),
  )
  let timer: ReturnType<typeof setTimeout> | undefined

  /** The live view is ahead of the list, which is read again a moment later. */
  const executions = computed(
    () =>
      items.value?.map((execution) => {
        const view = store.views.get(execution.id)
        return view === undefined || !isLive(execution.status)
          ? execution
          : { ...execution, status: view.status }
      }) ?? null,
  )

  const turns = () => Array.from(store.views.values(), (view) => `${view.executionId} ${view.status}`).join()

  function refreshSoon(): void {
    clearTimeout(timer)
    timer = setTimeout(() => void refresh(), 150)
  }

  watch(isConnected, (connected) => {
    if (connected) {
      refreshSoon()
    }
  })
  watch(turns, refreshSoon)
  onScopeDispose(() => {
    clearTimeout(timer)
  })
  void refresh()
  return { executions, problem, hasMore, refresh, more }
}
