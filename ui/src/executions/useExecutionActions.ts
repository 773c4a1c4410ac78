/** Stop, retry and delete, from wherever an execution is shown; what cannot be done is said in a toast. */
import { shallowReactive } from 'vue'

import * as api from '@/api/client'
import { asProblem, isPassing } from '@/api/problems'
import type { Execution } from '@/api/types'
import { useDeletionsStore } from '@/deletions/deletionsStore'
import { useToastStore } from '@/toasts/toastStore'

import { questionOf } from './executionExport'

export interface ExecutionActions {
  /** The executions that something was asked for and has not been answered. */
  busy: ReadonlySet<string>
  stop: (executionId: string) => Promise<Execution | null>
  /** At once for the eye; it can be undone until the API is asked. */
  deleteLater: (execution: Execution) => void
  /** The new execution. */
  retry: (executionId: string) => Promise<Execution | null>
}

export function useExecutionActions(): ExecutionActions {
  const toasts = useToastStore()
  const deletions = useDeletionsStore()
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
      toasts.say({
        title,
        detail: problem.message,
        code: problem.code,
        tone: 'bad',
        ...(isPassing(problem)
          ? { action: { label: 'Try again', run: () => asked(executionId, title, ask) } }
          : {}),
      })
      return null
    } finally {
      busy.delete(executionId)
    }
  }

  async function stop(executionId: string): Promise<Execution | null> {
    const execution = await asked(executionId, 'Could not stop the execution', api.stopExecution)
    if (execution !== null) {
      toasts.say({
        title: `Stopped “${shortened(questionOf(execution))}”`,
        action: { label: 'Undo (retry)', run: () => retry(executionId) },
      })
    }
    return execution
  }

  function retry(executionId: string): Promise<Execution | null> {
    return asked(executionId, 'Could not retry the execution', api.retryExecution)
  }

  function deleteLater(execution: Execution): void {
    const run = () => api.deleteExecution(execution.id)
    deletions.later({ id: execution.id, name: shortened(questionOf(execution)), run })
  }

  return { busy, stop, retry, deleteLater }
}

const LONGEST_QUOTE = 60

function shortened(question: string): string {
  return question.length > LONGEST_QUOTE ? `${question.slice(0, LONGEST_QUOTE)}…` : question
}
