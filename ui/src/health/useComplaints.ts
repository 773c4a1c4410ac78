/** All that is wrong now, in the fewest words: who is offline need not be told what else is away. */
import { useOnline } from '@vueuse/core'
import { computed, type ComputedRef } from 'vue'

import { useExecutionChangesStore } from '@/live/executionChangesStore'

import { useHealthStore } from './healthStore'

export function useComplaints(): ComputedRef<string[]> {
  const health = useHealthStore()
  const changes = useExecutionChangesStore()
  const isOnline = useOnline()

  return computed(() => {
    if (!isOnline.value) {
      return ['You are offline. What you see stays; it goes on when the network is back.']
    }
    if (health.problem === null && changes.phase === 'lost') {
      return [...health.complaints, 'The live connection is lost, and is tried again.']
    }
    return health.complaints
  })
}
