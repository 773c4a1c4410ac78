/** All agents, read again whenever one of their executions changes, so that their status is live. */
import { onScopeDispose } from 'vue'

import * as api from '@/api/client'
import { openExecutionChanges } from '@/api/executionChanges'
import type { Agent } from '@/api/types'
import { useListing, type Listing } from '@/api/useListing'
import { useHealthStore } from '@/health/healthStore'

/** Many changes at once are one reading. */
const READ_AFTER = 200

export function useAgents(): Listing<Agent> {
  const listing = useListing(api.listAgents)
  const health = useHealthStore()
  let timer: ReturnType<typeof setTimeout> | undefined

  function refreshSoon(): void {
    timer ??= setTimeout(() => {
      timer = undefined
      void listing.refresh()
    }, READ_AFTER)
  }

  const changes = openExecutionChanges({
    opened: () => void listing.refresh(),
    changed: refreshSoon,
    lost: (isRefused) => {
      void health.look()
      if (isRefused) {
        // Who is no longer logged in learns it from this.
        void listing.refresh()
      }
    },
  })
  onScopeDispose(() => {
    changes.close()
    clearTimeout(timer)
  })
  void listing.refresh()
  return listing
}
