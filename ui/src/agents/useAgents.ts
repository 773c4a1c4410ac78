/** All agents, read again whenever one of their executions changes, so that their status is live. */
import { onScopeDispose } from 'vue'

import * as api from '@/api/client'
import type { Agent } from '@/api/types'
import { useListing, type Listing } from '@/api/useListing'
import { useExecutionChanges } from '@/live/useExecutionChanges'

/** Many changes at once are one reading. */
const READ_AFTER = 200

export function useAgents(): Listing<Agent> {
  const listing = useListing(api.listAgents)
  let timer: ReturnType<typeof setTimeout> | undefined

  function refreshSoon(): void {
    timer ??= setTimeout(() => {
      timer = undefined
      void listing.refresh()
    }, READ_AFTER)
  }

  useExecutionChanges({ opened: () => void listing.refresh(), changed: refreshSoon })
  onScopeDispose(() => {
    clearTimeout(timer)
  })
  void listing.refresh()
  return listing
}
