/**
 * All executions that fit; changes come into their rows, and new ones wait where they would push. In another order than
 * newest first their places are not known here, so they wait until the list is read again.
 */
import {
  computed,
  onScopeDispose,
  ref,
  shallowRef,
  watch,
  type ComputedRef,
  type Ref,
  type ShallowRef,
} from 'vue'

import * as api from '@/api/client'
import { asProblem, type ApiProblem } from '@/api/problems'
import { isLive, type Execution } from '@/api/types'
import { useExecutionChanges } from '@/live/useExecutionChanges'

import { fits, queryOf, type ExecutionFilters } from './executionFilters'
import { useKeptListStore } from './keptListStore'

const PAGE = 50

export interface ExecutionList {
  /** Null until the first answer. */
  items: ShallowRef<Execution[] | null>
  /** New ones that are not shown yet. */
  waiting: ComputedRef<number>
  problem: ShallowRef<ApiProblem | null>
  hasMore: ComputedRef<boolean>
  isReading: Ref<boolean>
  more: () => Promise<void>
  refresh: () => Promise<void>
  showWaiting: () => void
  /** Puts an execution in its row, or in front. */
  merge: (execution: Execution) => void
}

/** `mayPush`: whether a new row may move those that are there. */
export function useExecutionList(filters: () => ExecutionFilters, mayPush: () => boolean): ExecutionList {
  const store = useKeptListStore()
  const items = shallowRef<Execution[] | null>(null)
  const fresh = shallowRef<Execution[]>([])
  const problem = shallowRef<ApiProblem | null>(null)
  const cursor = ref<string | null>(null)
  const isReading = ref(false)
  /** What the rows are an answer to; when one leaves, the address is another one's already. */
  let listed = ''
  let turn = 0

  async function read(from: string | null): Promise<void> {
    const mine = (turn += 1)
    const wanted = asked()
    isReading.value = true
    try {
      const page = await api.findExecutions(queryOf(filters()), from, PAGE)
      if (mine === turn) {
        listed = wanted
        items.value = from === null ? page.items : [...(items.value ?? []), ...page.items]
        fresh.value = from === null ? [] : fresh.value
        cursor.value = page.next_cursor
        problem.value = null
      }
    } catch (error) {
      const found = asProblem(error)
      if (mine === turn) {
        problem.value = found
      }
    } finally {
      if (mine === turn) {
        isReading.value = false
      }
    }
  }

  /** As many rows as there were, in the order as it is now. */
  async function readAgain(size: number): Promise<void> {
    const mine = (turn += 1)
    const rows: Execution[] = []
    try {
      do {
        const page = await api.findExecutions(
          queryOf(filters()),
          rows.length === 0 ? null : cursor.value,
          PAGE,
        )
        if (mine !== turn) {
          return
        }
        rows.push(...page.items)
        cursor.value = page.next_cursor
      } while (rows.length < size && cursor.value !== null)
      items.value = rows
      fresh.value = []
    } catch (error) {
      problem.value = asProblem(error)
    }
  }

  /** After a break in the connection: the newest page again, and what was read below it stays. */
  async function catchUp(): Promise<void> {
    if (items.value === null || isReading.value) {
      return
    }
    if (isSorted()) {
      await readAgain(items.value.length)
      return
    }
    const mine = turn
    try {
      const { items: newest } = await api.findExecutions(queryOf(filters()), null, PAGE)
      if (mine !== turn) {
        return
      }
      const known = new Set(items.value.map(({ id }) => id))
      if (newest.length === PAGE && !newest.some(({ id }) => known.has(id))) {
        // More has happened than a page holds: what is between is not to be passed over.
        await read(null)
        return
      }
      const found = new Set(newest.map(({ id }) => id))
      const further = items.value.filter(({ id, status }) => isLive(status) && !found.has(id))
      newest.reverse().forEach(merge)
      ;(await Promise.all(further.map(({ id }) => api.getExecution(id)))).forEach(merge)
    } catch (error) {
      problem.value = asProblem(error)
    }
  }

  function merge(execution: Execution): void {
    const rows = items.value
    if (rows === null) {
      return
    }
    const same = ({ id }: Execution) => id === execution.id
    if (rows.some(same)) {
      items.value = rows.map((row) => (same(row) ? execution : row))
    } else if (fresh.value.some(same)) {
      fresh.value = fresh.value.map((row) => (same(row) ? execution : row))
    } else if (fits(execution, filters()) && (isSorted() || isNewer(execution, rows))) {
      fresh.value = [execution, ...fresh.value].sort((one, other) => (one.id < other.id ? 1 : -1))
      if (mayPush() && !isSorted()) {
        showWaiting()
      }
    }
  }

  /** One further down than what has been read comes with its page. */
  function isNewer(execution: Execution, rows: Execution[]): boolean {
    const last = rows.at(-1)
    return last === undefined || cursor.value === null || execution.id > last.id
  }

  function showWaiting(): void {
    if (isSorted()) {
      void read(null)
      return
    }
    items.value = [...fresh.value, ...(items.value ?? [])].sort((one, other) => (one.id < other.id ? 1 : -1))
    fresh.value = []
  }

  useExecutionChanges({ opened: () => void catchUp(), changed: merge })
  const asked = () => JSON.stringify(queryOf(filters()))
  const isSorted = () => filters().sort !== ''

  /** Who comes back finds the rows that were read, and what has changed since. */
  function begin(): void {
    const { kept } = store
    if (kept?.asked !== asked()) {
      void read(null)
      return
    }
    listed = kept.asked
    items.value = kept.items
    cursor.value = kept.cursor
    void catchUp()
  }

  watch(filters, () => void read(null))
  onScopeDispose(() => {
    store.kept = items.value === null ? null : { asked: listed, items: items.value, cursor: cursor.value }
  })
  begin()

  return {
    items,
    waiting: computed(() => fresh.value.length),
    problem,
    hasMore: computed(() => cursor.value !== null),
    isReading,
    more: () => read(cursor.value),
    refresh: () => read(null),
    showWaiting,
    merge,
  }
}
