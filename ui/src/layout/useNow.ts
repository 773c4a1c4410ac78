/** The time, as often as a page shows it. */
import { onScopeDispose, ref, type Ref } from 'vue'

export function useNow(everyMilliseconds: number): Ref<number> {
  const now = ref(Date.now())
  const timer = setInterval(() => {
    now.value = Date.now()
  }, everyMilliseconds)
  onScopeDispose(() => {
    clearInterval(timer)
  })
  return now
}
