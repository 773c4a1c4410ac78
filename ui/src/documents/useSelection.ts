/** Which of the documents that are listed are picked for what is done to several. */
import { computed, shallowRef, type ComputedRef } from 'vue'

import type { Document } from '@/api/types'

export interface Selection {
  /** In the order of the list; what is not listed any more is not picked either. */
  picked: ComputedRef<Document[]>
  isAll: ComputedRef<boolean>
  has: (document: Document) => boolean
  toggle: (document: Document) => void
  toggleAll: () => void
  clear: () => void
}

export function useSelection(listed: () => readonly Document[]): Selection {
  const ids = shallowRef<ReadonlySet<string>>(new Set())
  const has = ({ id }: Document) => ids.value.has(id)
  const picked = computed(() => listed().filter(has))
  const isAll = computed(() => listed().length > 0 && picked.value.length === listed().length)

  function toggle({ id }: Document): void {
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
