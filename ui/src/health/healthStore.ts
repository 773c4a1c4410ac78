/** How the parts are that an execution needs, as the API said last. */
import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'

import * as api from '@/api/client'
import { asProblem, type ApiProblem } from '@/api/problems'
import type { Health } from '@/api/types'

export const useHealthStore = defineStore('health', () => {
  /** Null until the API has said it, and while it says nothing. */
  const health = shallowRef<Health | null>(null)
  const problem = shallowRef<ApiProblem | null>(null)
  let looking: Promise<void> | null = null

  api.whenUnreachable(() => void look())

  /** What is away, in the server's words. */
  const complaints = computed(() => {
    if (problem.value !== null) {
      return [problem.value.message]
    }
    return health.value === null ? [] : said(health.value)
  })

  /** Why an execution that is queued does not begin. */
  const hindrance = computed(() => {
    const checks = health.value?.checks
    if (checks?.temporal.status === 'away') {
      return 'Temporal is not responding'
    }
    return checks?.worker.status === 'away' ? 'no worker is running' : null
  })

  /** Who asks while an answer is under way gets that one. */
  function look(): Promise<void> {
    looking ??= ask().finally(() => {
      looking = null
    })
    return looking
  }

  async function ask(): Promise<void> {
    try {
      health.value = await api.getHealth()
      problem.value = null
    } catch (error) {
      problem.value = asProblem(error)
      health.value = null
    }
  }

  return { health, problem, complaints, hindrance, look }
})

function said({ checks }: Health): string[] {
  const { database, temporal, worker, mcp } = checks
  // Only Temporal knows about workers: while it is away there is nothing to say of them.
  const known = temporal.status === 'away' ? [database, temporal, mcp] : [database, temporal, worker, mcp]
  return known.filter(({ status }) => status === 'away').map(({ detail }) => detail)
}
