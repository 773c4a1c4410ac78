/** Of a very long list the part around what is looked at, which grows on request. */
import { computed, ref, watch, type ComputedRef } from 'vue'

/** What a browser draws without a pause. */
const AT_ONCE = 300

export interface Nearby<Item> {
  shown: ComputedRef<Item[]>
  before: ComputedRef<number>
  after: ComputedRef<number>
  showBefore: () => void
  showAfter: () => void
}

/** `looked`: where in the list one looks; -1 is at its beginning. */
export function useNearby<Item>(items: () => readonly Item[], looked: () => number): Nearby<Item> {
  const from = ref(0)
  const to = ref(AT_ONCE)

  watch(
    [looked, () => items().length],
    ([index]) => {
      if (index < from.value || index >= to.value) {
        from.value = Math.max(0, index - AT_ONCE / 2)
        to.value = from.value + AT_ONCE
      }
    },
    { immediate: true },
  )

  return {
    shown: computed(() => items().slice(from.value, to.value)),
    before: computed(() => from.value),
    after: computed(() => Math.max(0, items().length - to.value)),
    showBefore: () => {
      from.value = Math.max(0, from.value - AT_ONCE)
    },
    showAfter: () => {
      to.value += AT_ONCE
    },
  }
}
