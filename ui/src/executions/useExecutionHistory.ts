/** An agent's executions, newest first, read again whenever one of them starts, ends or was missed. */
import { computed, onScopeDispose, shallowRef, watch, type Ref, type ShallowRef } from 'vue'

import * as api from '@/api/client'
import type { ApiProblem } from '@/api/problems'
import { isLive, type Execution } from '@/api/types'
import { useListing } from '@/api/useListing'

import { useExecutionsStore } from './executionsStore'

const PAGE = 20

export interface History {
  executions: ShallowRef<Execution[] | null>
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

  const turns = computed(() =>
    Array.from(store.views.values(), (view) => `${view.executionId} ${view.status}`).join(),
  )

  /**
   * The live view is ahead of the list, which is read again a moment later. A shallow ref among what is watched counts
   * as changed with every event; what a getter gives does not.
   */
  const executions = shallowRef<Execution[] | null>(null)
  watch(
    [() => items.value, turns],
    () => {
      executions.value = items.value?.map(withLiveStatus) ?? null
    },
    { flush: 'sync' },
  )

  function withLiveStatus(execution: Execution): Execution {
    const view = store.views.get(execution.id)
    return view === undefined || !isLive(execution.status) ? execution : { ...execution, status: view.status }
  }

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
