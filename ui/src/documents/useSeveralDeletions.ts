/** Deleting several documents: what could not be deleted stays, and can be tried again. */
import { ref, shallowRef } from 'vue'

import * as api from '@/api/client'
import { asProblem, type ApiProblem } from '@/api/problems'
import type { Document } from '@/api/types'

/** More at once would not be faster; the service indexes one after the other. */
const AT_ONCE = 4

export function useSeveralDeletions(documents: readonly Document[]) {
  const left = shallowRef([...documents])
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

  async function deleteFrom(waiting: Document[]): Promise<void> {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { id } = next
      if (await isGone(id)) {
        left.value = left.value.filter((document) => document.id !== id)
        deleted.value += 1
      }
    }
  }

  async function isGone(id: string): Promise<boolean> {
    try {
      await api.deleteDocument(id)
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
