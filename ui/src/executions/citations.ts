/** An answer as text and the markers [n] in it that name a source. */

export type Segment = { kind: 'text'; text: string } | { kind: 'marker'; n: number }

const MARKER = /\[(\d{1,3})\]/g

/** A number that no source has stays text. */
export function segments(answer: string, known: ReadonlySet<number>): Segment[] {
  const found: Segment[] = []
  let end = 0
  for (const match of answer.matchAll(MARKER)) {
    const n = Number(match[1])
    if (!known.has(n)) {
      continue
    }
    if (match.index > end) {
      // A marker never begins a line: the space before it does not break.
      found.push({ kind: 'text', text: answer.slice(end, match.index).replace(/ $/, '\u00a0') })
    }
    found.push({ kind: 'marker', n })
    end = match.index + match[0].length
  }
  if (end < answer.length) {
    found.push({ kind: 'text', text: answer.slice(end) })
  }
  return found
}
