/** How many executions there are in each status, with the other filters; live. */
import { useThrottleFn } from '@vueuse/core'
import { onScopeDispose, shallowRef, watch, type ShallowRef } from 'vue'

import * as api from '@/api/client'
import { asProblem } from '@/api/problems'
import type { ExecutionCounts } from '@/api/types'
import { useExecutionChanges } from '@/live/useExecutionChanges'

import { queryOf, type ExecutionFilters } from './executionFilters'

/** Many changes at once are one reading. */
const READ_EVERY = 1_000

/** Null until the first answer. */
export function useExecutionCounts(filters: () => ExecutionFilters): ShallowRef<ExecutionCounts | null> {
  const counts = shallowRef<ExecutionCounts | null>(null)
  let turn = 0
  let isGone = false

  async function read(): Promise<void> {
    if (isGone) {
      return
    }
    const mine = (turn += 1)
    try {
      const found = await api.countExecutions(queryOf(filters()))
      if (mine === turn) {
        counts.value = found
      }
    } catch (error) {
      // The list says what is in the way.
      asProblem(error)
    }
  }

  const throttled = useThrottleFn(read, READ_EVERY, true)
  const readSoon = () => void throttled()
  watch(() => JSON.stringify(queryOf({ ...filters(), status: '', sort: '' })), read)
  useExecutionChanges({ opened: readSoon, changed: readSoon })
  // A throttled reading is left over when the page is left.
  onScopeDispose(() => {
    isGone = true
  })
  void read()
  return counts
}
