/** Lists that are wanted whole. */
import type { Page } from './types'

export const LARGEST_PAGE = 200

/** Which part of a list is asked for: the first without a cursor. */
export function part(limit: number, cursor: string | null): { limit: number; cursor?: string } {
  return cursor === null ? { limit } : { limit, cursor }
}

export async function everyPage<Item>(read: (cursor: string | null) => Promise<Page<Item>>): Promise<Item[]> {
  const all: Item[] = []
  let cursor: string | null = null
  do {
    const { items, next_cursor }: Page<Item> = await read(cursor)
    all.push(...items)
    cursor = next_cursor
  } while (cursor !== null)
  return all
}
