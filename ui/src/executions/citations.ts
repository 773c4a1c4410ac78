/** Text as plain pieces and the markers [n] in it that name a source. */

export type Segment = { kind: 'text'; text: string } | { kind: 'marker'; n: number }

const MARKER = /\[(\d{1,3}(?:\s?[,;]\s?\d{1,3})*)\]/g

/** A marker may name several sources; one that names a source which is not there stays text. */
export function segments(text: string, known: ReadonlySet<number>): Segment[] {
  const found: Segment[] = []
  let end = 0
  for (const match of text.matchAll(MARKER)) {
    const numbers = (match[1] ?? '').split(/[,;]/).map(Number)
    if (!numbers.every((n) => known.has(n))) {
      continue
    }
    if (match.index > end) {
      // A marker never begins a line: the space before it does not break.
      found.push({ kind: 'text', text: text.slice(end, match.index).replace(/ $/, '\u00a0') })
    }
    found.push(...numbers.map((n): Segment => ({ kind: 'marker', n })))
    end = match.index + match[0].length
  }
  if (end < text.length) {
    found.push({ kind: 'text', text: text.slice(end) })
  }
  return found
}
