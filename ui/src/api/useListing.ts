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

export function useListing<Item>(read: (cursor: string | null) => Promise<Page<Item>>): Listing<Item> {
  const items = shallowRef<Item[] | null>(null)
  const problem = shallowRef<ApiProblem | null>(null)
  const hasMore = ref(false)
  let pages = 1
  let latest = 0

  onScopeDispose(() => {
    latest = Infinity
  })

  async function refresh(): Promise<void> {
    const turn = (latest += 1)
    try {
      const all: Item[] = []
      let cursor: string | null = null
      for (let page = 0; page === 0 || (page < pages && cursor !== null); page += 1) {
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
    pages += 1
    await refresh()
  }

  return { items, problem, hasMore, refresh, more }
}
