/** What `retrieve` would give an agent: the passages that fit a query, as the address of the page says it. */
import { ref, shallowRef, watch } from 'vue'

import * as api from '@/api/client'
import { asProblem, type ApiProblem } from '@/api/problems'
import type { FoundPassage, SearchRequest } from '@/api/types'

export interface Finding {
  readonly search: SearchRequest
  readonly passages: FoundPassage[]
  readonly milliseconds: number
}

/** A blank query asks for nothing. */
export function useSearch(search: () => SearchRequest) {
  const finding = shallowRef<Finding | null>(null)
  const problem = shallowRef<ApiProblem | null>(null)
  const isSearching = ref(false)
  let turn = 0

  async function find(): Promise<void> {
    const mine = (turn += 1)
    const asked = search()
    problem.value = null
    if (asked.query.trim() === '') {
      finding.value = null
      return
    }
    isSearching.value = true
    const began = performance.now()
    try {
      const passages = await api.searchPassages(asked)
      if (mine === turn) {
        finding.value = { search: asked, passages, milliseconds: performance.now() - began }
      }
    } catch (error) {
      const found = asProblem(error)
      if (mine === turn) {
        problem.value = found
        finding.value = null
      }
    } finally {
      isSearching.value = mine !== turn
    }
  }

  watch(() => JSON.stringify(search()), find, { immediate: true })
  return { finding, problem, isSearching, find }
}
