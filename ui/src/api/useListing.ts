/** A list that is read page by page, and read again as a whole. */
import { onScopeDispose, ref, shallowRef, type Ref, type ShallowRef } from 'vue'

import { asProblem, type ApiProblem } from './problems'
import type { Page } from './types'

export interface Listing<Item> {
  /** Null until the first answer. */
  items: ShallowRef<Item[] | null>
  problem: ShallowRef<ApiProblem | null>
  hasMore: Ref<boolean>
  refresh: () => Promise<void>
  more: () => Promise<void>
}

/** `pages`: how many pages are shown, for a list that is to be found again as it was left. */
export function useListing<Item>(
  read: (cursor: string | null) => Promise<Page<Item>>,
  pages: Ref<number> = ref(1),
): Listing<Item> {
  const items = shallowRef<Item[] | null>(null)
  const problem = shallowRef<ApiProblem | null>(null)
  const hasMore = ref(false)
  let latest = 0

  onScopeDispose(() => {
    latest = Infinity
  })

  async function refresh(): Promise<void> {
    const turn = (latest += 1)
    try {
      const all: Item[] = []
      let cursor: string | null = null
      for (let page = 0; page === 0 || (page < pages.value && cursor !== null); page += 1) {
        const { items: found, next_cursor } = await read(cursor)
        all.push(...found)
        cursor = next_cursor
      }
      if (turn === latest) {
        items.value = all
        hasMore.value = cursor !== null
        problem.value = null
      }
    } catch (error) {
      const found = asProblem(error)
      if (turn === latest) {
        problem.value = found
      }
    }
  }

  async function more(): Promise<void> {
    pages.value += 1
    await refresh()
  }

  return { items, problem, hasMore, refresh, more }
}
