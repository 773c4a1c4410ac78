/** What this instance is made of, read again whenever one of its parts comes or goes. */
import { shallowRef, watch, type ShallowRef } from 'vue'

import * as api from '@/api/client'
import { asProblem, type ApiProblem } from '@/api/problems'
import type { System } from '@/api/types'
import { useHealthStore } from '@/health/healthStore'

export interface FoundSystem {
  system: ShallowRef<System | null>
  problem: ShallowRef<ApiProblem | null>
  load: () => Promise<void>
}

export function useSystem(): FoundSystem {
  const health = useHealthStore()
  const system = shallowRef<System | null>(null)
  const problem = shallowRef<ApiProblem | null>(null)

  async function load(): Promise<void> {
    try {
      system.value = await api.getSystem()
      problem.value = null
    } catch (error) {
      problem.value = asProblem(error)
    }
  }

  watch(() => health.complaints.join(), load)
  void load()
  return { system, problem, load }
}
