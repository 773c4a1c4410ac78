/** Asks how the parts are, again and again while somebody looks. */
import { useEventListener } from '@vueuse/core'
import { onScopeDispose } from 'vue'

import { useHealthStore } from './healthStore'

const LOOK_AGAIN_AFTER = 5_000
/** What is away is asked for more often: who waits for it wants to go on. */
const LOOK_FOR_RETURN_AFTER = 2_000

export function useHealthWatch(): void {
  const health = useHealthStore()
  let timer: ReturnType<typeof setTimeout> | undefined
  let isOver = false

  async function keepLooking(): Promise<void> {
    clearTimeout(timer)
    if (document.visibilityState !== 'visible') {
      return
    }
    await health.look()
    clearTimeout(timer)
    if (!isOver) {
      const pause = health.complaints.length === 0 ? LOOK_AGAIN_AFTER : LOOK_FOR_RETURN_AFTER
      timer = setTimeout(() => void keepLooking(), pause)
    }
  }

  const look = () => void keepLooking()
  useEventListener(document, 'visibilitychange', look)
  useEventListener(window, ['online', 'offline'], look)
  onScopeDispose(() => {
    isOver = true
    clearTimeout(timer)
  })
  look()
}
