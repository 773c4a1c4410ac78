/** One question to two agents at once. */
import { ref, shallowRef, type Ref, type ShallowRef } from 'vue'
import { v4 as uuid } from 'uuid'

import * as api from '@/api/client'
import { asProblem, type ApiProblem } from '@/api/problems'

export interface AskBoth {
  isStarting: Ref<boolean>
  problem: ShallowRef<ApiProblem | null>
  /** The ids of the two executions; null if one could not be started. */
  ask: (question: string, agents: readonly [string, string]) => Promise<[string, string] | null>
}

export function useAskBoth(): AskBoth {
  const isStarting = ref(false)
  const problem = shallowRef<ApiProblem | null>(null)
  /** Trying again uses the same keys, so that no execution is started twice. */
  let asked = ''
  let keys: [string, string] = ['', '']

  async function ask(query: string, agents: readonly [string, string]): Promise<[string, string] | null> {
    const wanted = JSON.stringify([query, agents])
    if (wanted !== asked) {
      asked = wanted
      keys = [uuid(), uuid()]
    }
    isStarting.value = true
    problem.value = null
    try {
      const [left, right] = await Promise.all([
        api.startExecution(agents[0], { query }, keys[0]),
        api.startExecution(agents[1], { query }, keys[1]),
      ])
      asked = ''
      return [left.id, right.id]
    } catch (error) {
      problem.value = asProblem(error)
      return null
    } finally {
      isStarting.value = false
    }
  }

  return { isStarting, problem, ask }
}
