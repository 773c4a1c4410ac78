/** A cited source: what became of its document, and the text that it is from. */
import { shallowRef, watch, type ShallowRef } from 'vue'

import * as api from '@/api/client'
import { asProblem, type ApiProblem } from '@/api/problems'
import type { PinnedSource, Source } from '@/api/types'

export interface FoundSource {
  /** Null until it is known; while the answer is being written, it is as it was found. */
  pinned: ShallowRef<PinnedSource | null>
  /** The document's text as it is now; null if it is gone or not read yet. */
  text: ShallowRef<string | null>
  problem: ShallowRef<ApiProblem | null>
  load: () => Promise<void>
}

export function useSource(executionId: string, source: () => Source | null): FoundSource {
  const pinned = shallowRef<PinnedSource | null>(null)
  const text = shallowRef<string | null>(null)
  const problem = shallowRef<ApiProblem | null>(null)

  async function load(): Promise<void> {
    const asked = source()
    if (asked === null) {
      return
    }
    try {
      const found = await pinnedOrFound(asked)
      const read = found.state === 'gone' ? null : await api.citedText(asked.document_id)
      if (source() === asked) {
        ;[pinned.value, text.value, problem.value] = [found, read, null]
      }
    } catch (error) {
      const found = asProblem(error)
      if (source() === asked) {
        problem.value = found
      }
    }
  }

  /** Sources are pinned when an execution ends; until then a source is what the search has just found. */
  async function pinnedOrFound(asked: Source): Promise<PinnedSource> {
    try {
      return await api.pinnedSource(executionId, asked.n)
    } catch (error) {
      if (asProblem(error).status !== 404) {
        throw error
      }
      return { source: asked, document: null, passage: null, state: 'unchanged' }
    }
  }

  watch(
    source,
    () => {
      pinned.value = text.value = problem.value = null
      void load()
    },
    { immediate: true },
  )
  return { pinned, text, problem, load }
}
