/** Logging out; when the API cannot be asked, the session is still there and that is said. */
import { asProblem } from '@/api/problems'
import { useToastStore } from '@/toasts/toastStore'

import { useSessionStore } from './sessionStore'

export function useLogout(): () => Promise<void> {
  const session = useSessionStore()
  const toasts = useToastStore()

  return async function logout(): Promise<void> {
    try {
      await session.logout()
    } catch (error) {
      const { message, code } = asProblem(error)
      toasts.say({
        title: 'Could not log out',
        detail: message,
        code,
        tone: 'bad',
        action: { label: 'Try again', run: logout },
      })
    }
  }
}
