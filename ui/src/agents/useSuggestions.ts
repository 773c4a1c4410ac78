/** Questions that an agent's documents answer, from the headings in them. */
import { shallowRef, watch, type ShallowRef } from 'vue'

import * as api from '@/api/client'
import { asProblem } from '@/api/problems'
import type { Document } from '@/api/types'

import { headingQuestions, inTurn } from './exampleQuestions'

/** Read for their headings, the beginning of each. */
const MOST_DOCUMENTS = 4

/** Empty until they are known, and where there is nothing to suggest. */
export function useSuggestions(collection: () => string): ShallowRef<string[]> {
  const questions = shallowRef<string[]>([])

  async function load(): Promise<void> {
    const wanted = collection()
    try {
      const { items } = await api.listDocuments({ collection: wanted, q: '' }, null)
      const found = inTurn(await Promise.all(items.slice(0, MOST_DOCUMENTS).map(questionsOf)))
      if (collection() === wanted) {
        questions.value = found
      }
    } catch (error) {
      // Suggestions are an extra: without them the page says the same. Anything but the API's problem is a fault.
      asProblem(error)
    }
  }

  watch(collection, load, { immediate: true })
  return questions
}

async function questionsOf({ id }: Document): Promise<string[]> {
  const { items } = await api.listPassages(id, null)
  return headingQuestions(items.map(({ heading }) => heading))
}
