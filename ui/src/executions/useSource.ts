/** A cited source: what became of its document, and the text that it is from. */
import { shallowRef, watch, type ShallowRef } from 'vue'

import * as api from '@/api/client'
import { asProblem, type ApiProblem } from '@/api/problems'
import type { PinnedSource, Source } from '@/api/types'

import { placeOf } from './passagePlace'

export interface FoundSource {
  /** Null until it is known. */
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
      const found = await cited(executionId, asked)
      if (source() === asked) {
        ;[pinned.value, text.value, problem.value] = [found.pinned, found.text, null]
      }
    } catch (error) {
      const found = asProblem(error)
      if (source() === asked) {
        problem.value = found
      }
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

interface Cited {
  pinned: PinnedSource
  text: string | null
}

async function cited(executionId: string, source: Source): Promise<Cited> {
  const pinned = await unlessMissing(api.pinnedSource(executionId, source.n))
  const document = pinned?.state === 'gone' ? null : await unlessMissing(api.documentText(source.document_id))
  const text = document?.text ?? null
  return { pinned: pinned ?? asFound(source, text), text }
}

/** Sources are pinned when an execution ends; until then the document itself says what has become of it. */
function asFound(source: Source, text: string | null): PinnedSource {
  const isThere = text !== null && placeOf(source.text, text) !== null
  const state = text === null ? 'gone' : isThere ? 'unchanged' : 'changed'
  return { source, document: null, passage: null, state }
}

async function unlessMissing<Found>(asked: Promise<Found>): Promise<Found | null> {
  try {
    return await asked
  } catch (error) {
    if (asProblem(error).status === 404) {
      return null
    }
    throw error
  }
}
