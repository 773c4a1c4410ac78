/** What an execution is doing, in a few words. */
import { computed, type ComputedRef } from 'vue'

import { isLive } from '@/api/types'
import { useHealthStore } from '@/health/healthStore'

import type { ExecutionView } from './executionView'

export function useStageWords(view: () => ExecutionView): ComputedRef<string> {
  const health = useHealthStore()

  return computed(() => {
    const { status, message, attempt } = view()
    if (!isLive(status)) {
      return status === 'completed' ? 'The answer is empty.' : 'Stopped before the answer started.'
    }
    if (attempt !== null) {
      return `Attempt ${attempt.number} failed; trying again.`
    }
    if (message !== null) {
      return message
    }
    return health.hindrance === null ? 'Queued: waiting for a worker…' : `Waiting: ${health.hindrance}.`
  })
}
