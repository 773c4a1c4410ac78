/** Keeps a list at its end while it grows, unless somebody scrolls up to read. */
import { nextTick, ref, watch, type Ref } from 'vue'

export interface Following {
  isFollowing: Ref<boolean>
  /** For the list's `scroll` event. */
  scrolled: () => void
  toEnd: () => void
}

const NEAR_THE_END = 32

export function useFollowing(list: Readonly<Ref<HTMLElement | null>>, height: () => number): Following {
  const isFollowing = ref(true)
  let lastTop = 0

  function scrolled(): void {
    const { value } = list
    if (value === null) {
      return
    }
    const isNearTheEnd = value.scrollHeight - value.scrollTop - value.clientHeight < NEAR_THE_END
    // Lines that are measured move the end by themselves; only a person moves the view up.
    isFollowing.value = isNearTheEnd || (isFollowing.value && value.scrollTop >= lastTop)
    lastTop = value.scrollTop
  }

  function stick(): void {
    const { value } = list
    if (isFollowing.value && value !== null) {
      value.scrollTop = value.scrollHeight
      lastTop = value.scrollTop
    }
  }

  function toEnd(): void {
    isFollowing.value = true
    stick()
  }

  watch(height, () => void nextTick(stick), { flush: 'post' })
  return { isFollowing, scrolled, toEnd }
}
