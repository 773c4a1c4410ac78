/** A value that is shown at most once a frame, however often it changes. */
import { onScopeDispose, shallowRef, watch, type ShallowRef } from 'vue'

export function useFrame<Value>(source: () => Value): ShallowRef<Value> {
  const shown = shallowRef(source()) as ShallowRef<Value>
  let frame: number | null = null

  watch(
    source,
    () => {
      frame ??= requestAnimationFrame(() => {
        frame = null
        shown.value = source()
      })
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
