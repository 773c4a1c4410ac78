/** All that is wrong now, in the fewest words: who is offline need not be told what else is away. */
import { useOnline } from '@vueuse/core'
import { computed, type ComputedRef } from 'vue'

import { useConnectionStore } from '@/agents/connectionStore'
import { useExecutionChangesStore } from '@/live/executionChangesStore'

import { useHealthStore } from './healthStore'

export function useComplaints(): ComputedRef<string[]> {
  const health = useHealthStore()
  const changes = useExecutionChangesStore()
  const connection = useConnectionStore()
  const isOnline = useOnline()

  const live = computed(() => {
    const reason = changes.refusal ?? connection.reason
    return changes.phase === 'lost' ? (reason ?? 'Connection lost; reconnecting…') : reason
  })

  return computed(() => {
    if (!isOnline.value) {
      return ['You are offline. Updates resume when the network is back.']
    }
    return health.problem === null && live.value !== null
      ? [...health.complaints, live.value]
      : health.complaints
  })
}
