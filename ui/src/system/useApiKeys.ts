/** The user's API keys: listed, made, revoked. */
import { shallowRef } from 'vue'

import * as api from '@/api/client'
import { asProblem } from '@/api/problems'
import type { ApiKey, NewApiKey } from '@/api/types'
import { useListing } from '@/api/useListing'
import { useToastStore } from '@/toasts/toastStore'

export function useApiKeys(whenRevoked: () => void) {
  const toasts = useToastStore()
  const { items: keys, problem, refresh } = useListing(api.listKeys)
  /** The key just made: the only moment in which it can be seen. */
  const made = shallowRef<NewApiKey | null>(null)

  async function create(name: string): Promise<void> {
    made.value = await api.createKey(name)
    await refresh()
  }

  async function revoke(key: ApiKey): Promise<void> {
    try {
      await api.revokeKey(key.id)
      if (made.value?.id === key.id) {
        forget()
      }
      whenRevoked()
      toasts.say({
        title: `“${key.name}” revoked`,
        detail: 'Programs that use it no longer have access.',
        tone: 'good',
      })
    } catch (error) {
      const { message, code } = asProblem(error)
      const action = { label: 'Try again', run: () => revoke(key) }
      toasts.say({ title: `Could not revoke “${key.name}”`, detail: message, code, tone: 'bad', action })
    }
    await refresh()
  }

  function forget(): void {
    made.value = null
  }

  void refresh()
  return { keys, problem, made, refresh, create, revoke, forget }
}
