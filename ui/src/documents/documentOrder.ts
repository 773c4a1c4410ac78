/** In which order documents are listed. */
import type { Document } from '@/api/types'

export const ORDERS = {
  newest: 'Newest',
  oldest: 'Oldest',
  name: 'Name',
  largest: 'Largest',
  smallest: 'Smallest',
} as const
export type DocumentOrder = keyof typeof ORDERS

export function isOrder(value: string): value is DocumentOrder {
  return Object.hasOwn(ORDERS, value)
}

const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' })

const byAge = (one: Document, other: Document) => Date.parse(one.created_at) - Date.parse(other.created_at)
const byName = (one: Document, other: Document) => collator.compare(one.name, other.name)
const COMPARE: Record<DocumentOrder, (one: Document, other: Document) => number> = {
  newest: (one, other) => byAge(other, one),
  oldest: byAge,
  name: byName,
  largest: (one, other) => other.bytes - one.bytes || byName(one, other),
  smallest: (one, other) => one.bytes - other.bytes || byName(one, other),
}

export function ordered(documents: readonly Document[], order: DocumentOrder): Document[] {
  return [...documents].sort(COMPARE[order])
}
