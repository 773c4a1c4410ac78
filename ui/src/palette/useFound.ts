/** Agents and executions for the palette, as the API knows them now. */
import { refDebounced } from '@vueuse/core'
import { computed, ref, shallowRef, watch, type Ref, type ShallowRef } from 'vue'

import * as api from '@/api/client'
import { asProblem, type ApiProblem } from '@/api/problems'
import type { Agent, Execution } from '@/api/types'

const ASK_AFTER = 150
const MOST_EXECUTIONS = 6

export function useFound(typed: Readonly<Ref<string>>) {
  const agents = shallowRef<Agent[]>([])
  const executions = shallowRef<Execution[]>([])
  const agentsProblem = shallowRef<ApiProblem | null>(null)
  const executionsProblem = shallowRef<ApiProblem | null>(null)
  const problem = computed(() => agentsProblem.value ?? executionsProblem.value)
  const isReading = ref(true)
  const wanted = refDebounced(typed, ASK_AFTER)
  let latest = 0

  async function readAgents(): Promise<void> {
    await guarded(agentsProblem, async () => {
      agents.value = (await api.listAgents()).items
    })
  }

  async function readExecutions(question: string): Promise<void> {
    latest += 1
    const mine = latest
    isReading.value = true
    await guarded(executionsProblem, async () => {
      const query = question === '' ? {} : { q: question }
      const { items } = await api.findExecutions(query, null, MOST_EXECUTIONS)
      if (mine === latest) {
        executions.value = items
      }
    })
    isReading.value = mine !== latest
  }

  void readAgents()
  watch(wanted, (question) => readExecutions(question.trim()), { immediate: true })
  return { agents, executions, problem, isReading }
}

async function guarded(problem: ShallowRef<ApiProblem | null>, work: () => Promise<void>): Promise<void> {
  try {
    await work()
    problem.value = null
  } catch (error) {
    problem.value = asProblem(error)
  }
}
