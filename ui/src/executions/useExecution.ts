/** One execution by its id: what REST knows of it, and its log, which goes on while it runs. */
import {
  computed,
  onScopeDispose,
  ref,
  shallowRef,
  watch,
  type ComputedRef,
  type Ref,
  type ShallowRef,
} from 'vue'

import * as api from '@/api/client'
import { openEventStream, type EventStream } from '@/api/eventStream'
import { asProblem, type ApiProblem } from '@/api/problems'
import { isLive, type AgentSettings, type Execution } from '@/api/types'

import { useExecutionsStore } from './executionsStore'
import type { ExecutionView } from './executionView'

export interface FoundExecution {
  execution: ShallowRef<Execution | null>
  settings: ShallowRef<AgentSettings | null>
  /** The log, folded; null until its first event is there. */
  view: ComputedRef<ExecutionView | null>
  problem: ShallowRef<ApiProblem | null>
  /** Whether what happens now is heard of; true as well when nothing can happen any more. */
  isConnected: Ref<boolean>
  load: () => Promise<void>
}

export function useExecution(executionId: string): FoundExecution {
  const store = useExecutionsStore()
  const execution = shallowRef<Execution | null>(null)
  const settings = shallowRef<AgentSettings | null>(null)
  const problem = shallowRef<ApiProblem | null>(null)
  const isConnected = ref(true)
  const view = computed(() => store.views.get(executionId) ?? null)
  let stream: EventStream | null = null
  let isGone = false

  async function load(): Promise<void> {
    try {
      ;[execution.value, settings.value] = await Promise.all([
        api.getExecution(executionId),
        api.executionSettings(executionId),
      ])
      await follow(execution.value)
      problem.value = null
    } catch (error) {
      problem.value = asProblem(error)
    }
  }

  async function follow({ status }: Execution): Promise<void> {
    if (isLive(status)) {
      listen()
      return
    }
    for await (const items of api.eventsAfter(executionId, store.view(executionId).sequence)) {
      items.forEach(store.record)
    }
  }

  function listen(): void {
    if (stream !== null || isGone) {
      return
    }
    stream = openEventStream(executionId, {
      happened: store.record,
      previewed: store.preview,
      after: () => store.view(executionId).sequence,
      connected: (connected) => {
        isConnected.value = connected
      },
    })
  }

  /** When it has ended, the records know more: its times, and its place in Temporal. */
  watch(
    () => view.value?.status,
    (status, before) => {
      if (before !== undefined && status !== undefined && isLive(before) && !isLive(status)) {
        isConnected.value = true
        void load()
      }
    },
  )
  onScopeDispose(() => {
    isGone = true
    stream?.close()
  })
  void load()
  return { execution, settings, view, problem, isConnected, load }
}
