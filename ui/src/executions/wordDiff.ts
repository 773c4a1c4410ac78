/** What two answers have in common, word by word. */
import { diffWordsWithSpace } from 'diff'

export interface DiffPart {
  readonly text: string
  readonly isOwn: boolean
}

export interface WordDiff {
  readonly left: readonly DiffPart[]
  readonly right: readonly DiffPart[]
  /** How much of both is common, from 0 to 1. */
  readonly common: number
}

/** Two long texts that have nothing in common take for ever to compare, and tell nothing. */
const LONGEST = 400

/** Null if they are too different, or too long, to be compared in time. */
export function wordDiff(left: string, right: string): WordDiff | null {
  const changes = diffWordsWithSpace(left, right, { timeout: LONGEST })
  if (changes === undefined) {
    return null
  }
  const part = ({ value }: { value: string }, isOwn: boolean) => ({ text: value, isOwn })
  const shared = changes
    .filter(({ added, removed }) => !added && !removed)
    .reduce((sum, { value }) => sum + value.length, 0)
  const longer = Math.max(left.length, right.length)
  return {
    left: changes.filter(({ added }) => !added).map((change) => part(change, change.removed)),
    right: changes.filter(({ removed }) => !removed).map((change) => part(change, change.added)),
    common: longer === 0 ? 1 : shared / longer,
  }
}
