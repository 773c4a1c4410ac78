/** The collections that there are. */
import { shallowRef, type ShallowRef } from 'vue'

import * as api from '@/api/client'
import { asProblem } from '@/api/problems'
import type { CollectionSummary } from '@/api/types'

/** Null until they are known; what is in the way is said by what the page is about. */
export function useCollections(): ShallowRef<CollectionSummary[] | null> {
  const collections = shallowRef<CollectionSummary[] | null>(null)

  async function read(): Promise<void> {
    collections.value = await api.listCollections()
  }

  read().catch(asProblem)
  return collections
}
