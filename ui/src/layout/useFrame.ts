/** A value that is shown at most once a frame, or as often as `pause` milliseconds allow, however often it changes. */
import { onScopeDispose, shallowRef, watch, type ShallowRef } from 'vue'

export function useFrame<Value>(source: () => Value, pause = 0): ShallowRef<Value> {
  const shown = shallowRef(source()) as ShallowRef<Value>
  let frame: number | null = null
  let shownAt = -Infinity

  function draw(now: number): void {
    // Frames do not come exactly when they are due.
    if (now - shownAt < pause - 4) {
      frame = requestAnimationFrame(draw)
      return
    }
    frame = null
    shownAt = now
    shown.value = source()
  }

  watch(
    source,
    () => {
      frame ??= requestAnimationFrame(draw)
    },
    { flush: 'sync' },
  )
  onScopeDispose(() => {
    if (frame !== null) {
      cancelAnimationFrame(frame)
    }
  })
  return shown
}
