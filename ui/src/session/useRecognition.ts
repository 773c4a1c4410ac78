/** Who is inside is asked for by name; who is not known is led to the log-in page by the answer. */
import { watch, type Ref } from 'vue'

import { useSessionStore } from './sessionStore'

export function useRecognition(isInside: Readonly<Ref<boolean>>): void {
  const session = useSessionStore()

  watch(
    isInside,
    (inside) => {
      if (inside && session.user === null) {
        void session.recognise()
      }
    },
    { immediate: true },
  )
}
