/** The executions of the same agent, to compare one with. */
import { shallowRef, type ShallowRef } from 'vue'

import * as api from '@/api/client'
import type { Execution } from '@/api/types'
import { useListing, type Listing } from '@/api/useListing'

const PAGE = 30

export interface Comparable {
  execution: ShallowRef<Execution | null>
  listing: Listing<Execution>
}

export function useComparable(executionId: string): Comparable {
  const execution = shallowRef<Execution | null>(null)
  const listing = useListing(async (cursor) => {
    execution.value ??= await api.getExecution(executionId)
    return api.listExecutions(execution.value.agent_id, cursor, PAGE)
  })
  void listing.refresh()
  return { execution, listing }
}
