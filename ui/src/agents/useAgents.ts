/** All agents, read again every two seconds while somebody looks, so that their status is live. */
import { onScopeDispose } from 'vue'

import * as api from '@/api/client'
import type { Agent } from '@/api/types'
import { useListing, type Listing } from '@/api/useListing'

const READ_AGAIN_AFTER = 2_000

export function useAgents(): Listing<Agent> {
  const listing = useListing(api.listAgents)
  let timer: ReturnType<typeof setTimeout> | undefined
  let isOver = false

  async function keepReading(): Promise<void> {
    clearTimeout(timer)
    if (document.visibilityState === 'visible') {
      await listing.refresh()
    }
    if (!isOver) {
      timer = setTimeout(() => void keepReading(), READ_AGAIN_AFTER)
    }
  }

  const look = () => void keepReading()
  document.addEventListener('visibilitychange', look)
  onScopeDispose(() => {
    isOver = true
    clearTimeout(timer)
    document.removeEventListener('visibilitychange', look)
  })
  look()
  return listing
}
