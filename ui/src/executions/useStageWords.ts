/** What an execution is doing, in a few words. */
import { computed, type ComputedRef } from 'vue'

import { isLive, type Stage } from '@/api/types'
import { useHealthStore } from '@/health/healthStore'

import type { ExecutionView } from './view'

const STAGES: Record<Stage, string> = {
  initializing: 'Getting ready…',
  retrieving: 'Looking for passages…',
  generating: 'Writing the answer…',
  saving: 'Saving the answer…',
}

export function useStageWords(view: () => ExecutionView): ComputedRef<string> {
  const health = useHealthStore()

  return computed(() => {
    const { status, stage } = view()
    if (!isLive(status)) {
      return status === 'completed' ? 'The answer is empty.' : 'It ended before an answer was begun.'
    }
    if (stage !== null) {
      return STAGES[stage]
    }
    return health.hindrance === null ? 'Waiting for a worker…' : `Waiting: ${health.hindrance}.`
  })
}
