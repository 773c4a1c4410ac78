/** One agent, as the API knows it. */
import { shallowRef, type ShallowRef } from 'vue'

import * as api from '@/api/client'
import { asProblem, type ApiProblem } from '@/api/problems'
import type { Agent } from '@/api/types'

export interface FoundAgent {
  agent: ShallowRef<Agent | null>
  problem: ShallowRef<ApiProblem | null>
  load: () => Promise<void>
}

export function useAgent(agentId: string): FoundAgent {
  const agent = shallowRef<Agent | null>(null)
  const problem = shallowRef<ApiProblem | null>(null)

  async function load(): Promise<void> {
    try {
      agent.value = await api.getAgent(agentId)
      problem.value = null
    } catch (error) {
      problem.value = asProblem(error)
    }
  }

  void load()
  return { agent, problem, load }
}
