/** How the live connection of the shown agent is, and what it said could not be done. */
import { defineStore } from 'pinia'
import { computed, ref } from 'vue'

export type ConnectionPhase = 'closed' | 'connecting' | 'live' | 'waiting' | 'missing'

export interface Fault {
  message: string
  code: string
}

export const useConnectionStore = defineStore('connection', () => {
  const phase = ref<ConnectionPhase>('closed')
  const retryAt = ref<number | null>(null)
  /** Why the server closed it, in its words. */
  const reason = ref<string | null>(null)
  const fault = ref<Fault | null>(null)

  const isMissing = computed(() => phase.value === 'missing')

  function enter(next: ConnectionPhase, tryAgainAt: number | null = null, why: string | null = null): void {
    phase.value = next
    retryAt.value = tryAgainAt
    reason.value = why
  }

  return { phase, retryAt, reason, fault, isMissing, enter }
})
