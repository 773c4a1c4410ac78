/** What is done to several executions at once; one toast tells how it went. */
import { ref, type Ref } from 'vue'

import * as api from '@/api/client'
import { asProblem, type ApiProblem } from '@/api/problems'
import type { Execution, ExecutionEvent } from '@/api/types'
import { download } from '@/executions/executionExport'
import { counted } from '@/layout/amounts'
import { useToastStore } from '@/toasts/toastStore'

const AT_ONCE = 4

export interface SelectedActions {
  isBusy: Ref<boolean>
  stop: (executions: readonly Execution[]) => Promise<void>
  retry: (executions: readonly Execution[]) => Promise<void>
  exportAll: (executions: readonly Execution[]) => Promise<void>
}

/** `changed` takes each execution that came of it. */
export function useSelectedActions(changed: (execution: Execution) => void): SelectedActions {
  const toasts = useToastStore()
  const isBusy = ref(false)

  async function stop(executions: readonly Execution[]): Promise<void> {
    const stopped = await each(executions, 'stop', api.stopExecution)
    stopped.forEach(changed)
    if (stopped.length > 0) {
      toasts.say({
        title: `${counted(stopped.length, 'execution')} stopped`,
        action: { label: 'Undo (retry)', run: () => retry(stopped) },
      })
    }
  }

  async function retry(executions: readonly Execution[]): Promise<void> {
    const started = await each(executions, 'retry', api.retryExecution)
    started.forEach(changed)
    if (started.length > 0) {
      toasts.say({ title: `${counted(started.length, 'execution')} started` })
    }
  }

  /** Each with its settings and its log, as one file of JSON. */
  async function exportAll(executions: readonly Execution[]): Promise<void> {
    const exported = await each(executions, 'export', async (id) => ({
      execution: await api.getExecution(id),
      settings: await api.executionSettings(id),
      events: await allEvents(id),
    }))
    if (exported.length > 0) {
      const text = `${JSON.stringify(exported, null, 2)}\n`
      download({ name: `executions-${exported.length}.json`, mediaType: 'application/json', text })
    }
  }

  /** The answers in the order of the executions, without those that failed. */
  async function each<Answer>(
    executions: readonly Execution[],
    verb: string,
    ask: (executionId: string) => Promise<Answer>,
  ): Promise<Answer[]> {
    const answers = new Map<string, Answer>()
    const waiting = [...executions]
    const problems: ApiProblem[] = []
    isBusy.value = true
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
          try {
            answers.set(next.id, await ask(next.id))
          } catch (error) {
            problems.push(asProblem(error))
          }
        }
      }),
    )
    isBusy.value = false
    const failed = executions.length - answers.size
    const [first] = problems
    if (first !== undefined) {
      const { message, code } = first
      toasts.say({
        title: `Could not ${verb} ${counted(failed, 'execution')}`,
        detail: message,
        code,
        tone: 'bad',
      })
    }
    return executions.flatMap(({ id }) => (answers.has(id) ? [answers.get(id) as Answer] : []))
  }

  return { isBusy, stop, retry, exportAll }
}

async function allEvents(executionId: string): Promise<ExecutionEvent[]> {
  const events: ExecutionEvent[] = []
  for await (const page of api.eventsAfter(executionId, 0)) {
    events.push(...page)
  }
  return events
}
