/** Which of the things that are listed are picked for what is done to several. */
import { computed, shallowRef, type ComputedRef } from 'vue'

interface Identified {
  readonly id: string
}

export interface Selection<Item extends Identified> {
  /** In the order of the list; what is not listed any more is not picked either. */
  picked: ComputedRef<Item[]>
  isAll: ComputedRef<boolean>
  has: (item: Item) => boolean
  toggle: (item: Item) => void
  toggleAll: () => void
  clear: () => void
}

export function useSelection<Item extends Identified>(listed: () => readonly Item[]): Selection<Item> {
  const ids = shallowRef<ReadonlySet<string>>(new Set())
  const has = ({ id }: Item) => ids.value.has(id)
  const picked = computed(() => listed().filter(has))
  const isAll = computed(() => listed().length > 0 && picked.value.length === listed().length)

  function toggle({ id }: Item): void {
    const next = new Set(ids.value)
    if (!next.delete(id)) {
      next.add(id)
    }
    ids.value = next
  }

  function toggleAll(): void {
    ids.value = new Set(isAll.value ? [] : listed().map(({ id }) => id))
  }

  function clear(): void {
    ids.value = new Set()
  }

  return { picked, isAll, has, toggle, toggleAll, clear }
}
