/** The documents that fit, in an order, and the collections that there are; read again when something came in. */
import { useTimeoutFn } from '@vueuse/core'
import { shallowRef, watch, type Ref, type ShallowRef } from 'vue'

import * as api from '@/api/client'
import { asProblem } from '@/api/problems'
import type { CollectionSummary, Document, DocumentFilters, Page } from '@/api/types'
import { useListing, type Listing } from '@/api/useListing'
import { useDeletionsStore } from '@/deletions/deletionsStore'

import { ordered, type DocumentOrder } from './documentOrder'
import { useUploadsStore } from './uploadsStore'

const ASK_AFTER = 200
/** While many files come in, the list is read at most so often. */
const READ_AFTER = 400

export interface Documents extends Listing<Document> {
  collections: ShallowRef<CollectionSummary[] | null>
  deleteLater: (document: Document) => void
}

export function useDocuments(
  filters: () => DocumentFilters,
  order: () => DocumentOrder,
  pages: Ref<number>,
): Documents {
  const uploads = useUploadsStore()
  const deletions = useDeletionsStore()
  const listing = useListing(read, pages)
  const collections = shallowRef<CollectionSummary[] | null>(null)

  /** The API gives the newest first, page by page; for another order all of them must be known. */
  async function read(cursor: string | null): Promise<Page<Document>> {
    const wanted = order()
    return wanted === 'newest'
      ? api.listDocuments(filters(), cursor)
      : { items: ordered(await api.allDocuments(filters()), wanted), next_cursor: null }
  }

  async function readCollections(): Promise<void> {
    try {
      collections.value = await api.listCollections()
    } catch (error) {
      // The list beside them says what is in the way.
      asProblem(error)
    }
  }

  async function refresh(): Promise<void> {
    await Promise.all([listing.refresh(), readCollections()])
  }

  function deleteLater({ id, name }: Document): void {
    const run = async () => {
      await api.deleteDocument(id)
      await readCollections()
    }
    deletions.later({ id, name, run })
  }

  const asking = useTimeoutFn(listing.refresh, ASK_AFTER, { immediate: false })
  const reading = useTimeoutFn(refresh, READ_AFTER, { immediate: false })
  watch([() => filters().collection, order], () => {
    pages.value = 1
    void listing.refresh()
  })
  watch(
    () => filters().q,
    () => {
      pages.value = 1
      asking.start()
    },
  )
  watch(
    () => uploads.arrivals,
    () => {
      if (!reading.isPending.value) {
        reading.start()
      }
    },
  )
  void refresh()
  return { ...listing, refresh, collections, deleteLater }
}
