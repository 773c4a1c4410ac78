/** The sessions of the user's browsers: listed, and ended. */
import { ref } from 'vue'

import * as api from '@/api/client'
import { asProblem } from '@/api/problems'
import type { Session } from '@/api/types'
import { useListing } from '@/api/useListing'
import { useToastStore } from '@/toasts/toastStore'

import { browserName } from './browserName'

const SOON_QUIET = 'Live updates there stop within 30 seconds.'
/** The API knows no session that has ended. */
const ENDED_BEFORE = 404

export function useSessions() {
  const toasts = useToastStore()
  const { items: sessions, problem, hasMore, refresh, more } = useListing(api.listSessions)
  const isEnding = ref(false)

  async function end(session: Session): Promise<void> {
    const name = browserName(session.user_agent)
    await ended(() => api.endSession(session.id), `${name} logged out`, `Could not log out ${name}`)
  }

  async function endOthers(): Promise<void> {
    await ended(api.endOtherSessions, 'All other browsers logged out', 'Could not log out the other browsers')
  }

  async function ended(ask: () => Promise<void>, done: string, failed: string): Promise<void> {
    isEnding.value = true
    try {
      await ask()
      toasts.say({ title: done, detail: SOON_QUIET, tone: 'good' })
    } catch (error) {
      const { status, message, code } = asProblem(error)
      if (status === ENDED_BEFORE) {
        toasts.say({ title: done, detail: 'The session had already ended.' })
      } else {
        const action = { label: 'Try again', run: () => ended(ask, done, failed) }
        toasts.say({ title: failed, detail: message, code, tone: 'bad', action })
      }
    } finally {
      isEnding.value = false
    }
    await refresh()
  }

  void refresh()
  return { sessions, problem, hasMore, isEnding, refresh, more, end, endOthers }
}
