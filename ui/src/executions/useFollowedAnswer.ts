/** Keeps the end of an answer in view while it is written, unless somebody scrolls up to read. */
import { useEventListener } from '@vueuse/core'
import { nextTick, ref, watch, type Ref } from 'vue'

export interface FollowedAnswer {
  /** Whether the answer goes on below what is in view, and is not followed. */
  isBehind: Ref<boolean>
  jumpToEnd: () => void
}

/** `length`: how long the answer is; null when it no longer grows. */
export function useFollowedAnswer(
  end: () => HTMLElement | null,
  length: () => number | null,
): FollowedAnswer {
  const isBehind = ref(false)
  let lastTop = window.scrollY
  let lastHeight = 0

  function isEndInView(): boolean {
    const place = end()
    return place === null || place.getBoundingClientRect().top <= window.innerHeight
  }

  function scrolled(): void {
    const height = document.documentElement.scrollHeight
    // A page that got shorter moves by itself; only a person moves up one that did not.
    if (window.scrollY < lastTop && height >= lastHeight && length() !== null) {
      isBehind.value = !isEndInView()
    } else if (isEndInView()) {
      isBehind.value = false
    }
    lastTop = window.scrollY
    lastHeight = height
  }

  function jumpToEnd(): void {
    isBehind.value = false
    end()?.scrollIntoView({ block: 'nearest' })
  }

  useEventListener(window, 'scroll', scrolled, { passive: true })
  watch(
    length,
    async (now) => {
      if (now === null) {
        isBehind.value = false
      } else if (!isBehind.value) {
        await nextTick()
        end()?.scrollIntoView({ block: 'nearest' })
      }
    },
    { flush: 'post' },
  )
  return { isBehind, jumpToEnd }
}
