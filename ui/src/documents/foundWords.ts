/** Why a passage was found, in words and marks. */
import type { FoundPassage } from '@/api/types'

import { ordinal } from './words'

export interface Piece {
  readonly text: string
  /** Whether it is one of the query's words. */
  readonly isWord: boolean
}

/** Words that are in every text say nothing. */
const SHORTEST = 3
const EVERYWHERE = new Set(
  'and are can does did for from has have how into its not that the their there these they this was were what when where which who why will with you your'.split(
    ' ',
  ),
)

/** The text in pieces, with the query's words and what begins with them told apart. */
export function marked(text: string, query: string): Piece[] {
  const words = [...new Set(query.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [])].filter(
    (word) => word.length >= SHORTEST && !EVERYWHERE.has(word),
  )
  if (words.length === 0) {
    return [{ text, isWord: false }]
  }
  const pattern = new RegExp(`(?<![\\p{L}\\p{N}])(?:${words.join('|')})[\\p{L}\\p{N}]*`, 'giu')
  const pieces: Piece[] = []
  let end = 0
  for (const match of text.matchAll(pattern)) {
    pieces.push({ text: text.slice(end, match.index), isWord: false }, { text: match[0], isWord: true })
    end = match.index + match[0].length
  }
  return [...pieces, { text: text.slice(end), isWord: false }].filter((piece) => piece.text !== '')
}

/** Where an index of its own has the passage. */
export function rankWords(rank: number | null): string {
  return rank === null ? 'not in the top 100' : ordinal(rank)
}

/** Which of the two has brought it up. */
export function reason({ vector_rank, bm25_rank }: Pick<FoundPassage, 'vector_rank' | 'bm25_rank'>): string {
  if (vector_rank !== null && bm25_rank !== null) {
    return 'Found by meaning and by keywords.'
  }
  return vector_rank === null ? 'Found by keywords only.' : 'Found by meaning only.'
}

/** Where a rank is on a scale from the best (0) to the hundredth (1); the first ones are what matters. */
export function placeOnScale(rank: number): number {
  return Math.min(1, Math.log(Math.max(1, rank)) / Math.log(100))
}
