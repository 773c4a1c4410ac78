/** Text as plain pieces and the markers [n] in it that name a source. */

export type Segment = { kind: 'text'; text: string } | { kind: 'marker'; n: number }

/** As the MCP service lets citations through: [1], [1, 3] or [2-4]. */
const MARKER = /\[( *\d{1,3}(?: *[-–—,;] *\d{1,3})* *)\]/g

/** A marker may name several sources; one that names a source which is not there stays text. */
export function segments(text: string, known: ReadonlySet<number>): Segment[] {
  const found: Segment[] = []
  let end = 0
  for (const match of text.matchAll(MARKER)) {
    const numbers = (match[1] ?? '').split(/[,;]/).flatMap(range)
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

/** The numbers of `3` or of `2-4`; NaN if it is neither. */
function range(item: string): number[] {
  const [first = 0, last = first, ...more] = item.split(/[-–—]/).map(Number)
  return more.length === 0 && first <= last
    ? Array.from({ length: last - first + 1 }, (_, index) => first + index)
    : [NaN]
}
