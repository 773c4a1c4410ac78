/** One document: what it is, what was read from it, and its passages. */
import { shallowRef, type ShallowRef } from 'vue'

import * as api from '@/api/client'
import { asProblem, type ApiProblem } from '@/api/problems'
import type { Document, DocumentText, Passage } from '@/api/types'
import { useDeletionsStore } from '@/deletions/deletionsStore'

export interface ReadDocument {
  document: Document
  text: DocumentText
  passages: Passage[]
}

export function useDocument(id: string) {
  const deletions = useDeletionsStore()
  const found: ShallowRef<ReadDocument | null> = shallowRef(null)
  const problem = shallowRef<ApiProblem | null>(null)

  async function load(): Promise<void> {
    try {
      const [document, text, passages] = await Promise.all([
        api.getDocument(id),
        api.documentText(id),
        api.allPassages(id),
      ])
      found.value = { document, text, passages }
      problem.value = null
    } catch (error) {
      problem.value = asProblem(error)
    }
  }

  function deleteLater({ name }: Document): void {
    deletions.later({ id, name, run: () => api.deleteDocument(id) })
  }

  void load()
  return { found, problem, load, deleteLater }
}
