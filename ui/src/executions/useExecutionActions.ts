/** Stop and retry, from wherever an execution is shown; what cannot be done is said in a toast. */
import { shallowReactive } from 'vue'

import * as api from '@/api/client'
import { asProblem } from '@/api/problems'
import type { Execution } from '@/api/types'
import { useToastStore } from '@/toasts/toastStore'

export interface ExecutionActions {
  /** The executions that something was asked for and has not been answered. */
  busy: ReadonlySet<string>
  stop: (executionId: string) => Promise<Execution | null>
  /** The new execution. */
  retry: (executionId: string) => Promise<Execution | null>
}

export function useExecutionActions(): ExecutionActions {
  const toasts = useToastStore()
  const busy = shallowReactive(new Set<string>())

  async function asked(
    executionId: string,
    title: string,
    ask: (executionId: string) => Promise<Execution>,
  ): Promise<Execution | null> {
    busy.add(executionId)
    try {
      return await ask(executionId)
    } catch (error) {
      const problem = asProblem(error)
      const again = { label: 'Try again', run: () => asked(executionId, title, ask) }
      toasts.say({ title, detail: problem.message, code: problem.code, tone: 'bad', action: again })
      return null
    } finally {
      busy.delete(executionId)
    }
  }

  return {
    busy,
    stop: (executionId) => asked(executionId, 'It could not be stopped', api.stopExecution),
    retry: (executionId) => asked(executionId, 'It could not be started again', api.retryExecution),
  }
}
