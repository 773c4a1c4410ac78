/** Deleting several things: what could not be deleted stays, and can be tried again. */
import { ref, shallowRef } from 'vue'

import * as api from '@/api/client'
import { asProblem, type ApiProblem } from '@/api/problems'

export interface Deletable {
  readonly id: string
  /** What people call it. */
  readonly name: string
}

const DELETE = { document: api.deleteDocument, execution: api.deleteExecution }
export type DeletableKind = keyof typeof DELETE

/** More at once would not be faster; the service indexes one after the other. */
const AT_ONCE = 4

export function useSeveralDeletions(kind: DeletableKind, items: readonly Deletable[]) {
  const left = shallowRef([...items])
  const deleted = ref(0)
  const isDeleting = ref(false)
  const problem = shallowRef<ApiProblem | null>(null)

  /** Whether all are gone. */
  async function deleteAll(): Promise<boolean> {
    isDeleting.value = true
    problem.value = null
    const waiting = [...left.value]
    await Promise.all(Array.from({ length: AT_ONCE }, () => deleteFrom(waiting)))
    isDeleting.value = false
    return left.value.length === 0
  }

  async function deleteFrom(waiting: Deletable[]): Promise<void> {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { id } = next
      if (await isGone(id)) {
        left.value = left.value.filter((item) => item.id !== id)
        deleted.value += 1
      }
    }
  }

  async function isGone(id: string): Promise<boolean> {
    try {
      await DELETE[kind](id)
      return true
    } catch (error) {
      const found = asProblem(error)
      if (found.status === 404) {
        return true
      }
      problem.value = found
      return false
    }
  }

  return { left, deleted, isDeleting, problem, deleteAll }
}
