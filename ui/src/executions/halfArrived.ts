/** What of a text that is being written can be read as Markdown already. */

const FENCE = /^ {0,3}(?:`{3,}|~{3,})/gm
/** Within code: the line that opens it, or one that may close it. */
const HALF_FENCE = /(?<=^|\n) {0,3}(?:(?:`{3,}|~{3,})[^\n]*|`{1,2}|~{1,2})$/
/** What opens and closes with the same signs. */
const PAIRS = ['**', '`', '$$']

/** Constructs at the very end of a text whose own end is still to come. */
const HALVES: readonly RegExp[] = [
  // A citation, a link or an image.
  /!?\[[^\][\n]{0,200}$/,
  /!?\[[^\][\n]{0,500}\](?:\([^()\n]{0,2000})?$/,
  // The heads of a table, until the line below them says that they are.
  /^\n?\|[^\n]*(?:\n[|:\- ]*)?$/,
  /(?<=^|\n)(?:`{1,2}|~{1,2}|\*)$/,
  // A formula.
  /\\(?:\((?:(?!\\\))[^])*)?$/,
  /\\\[(?:(?!\\\])[^])*$/,
]
const CITATION = /^\[\d[\d,; ]*\]$/

/** The text without what is half there at its end: it would be shown raw, and change its look a moment later. */
export function arrived(text: string): string {
  if ((text.match(FENCE)?.length ?? 0) % 2 === 1) {
    return text.replace(HALF_FENCE, '')
  }
  const start = text.lastIndexOf('\n\n') + 1
  const paragraph = text.slice(start)
  const halves = HALVES.map((half) => half.exec(paragraph))
    .filter((match) => match !== null)
    .filter(([half]) => !CITATION.test(half))
    .map(({ index }) => index)
  const open = PAIRS.filter((signs) => paragraph.split(signs).length % 2 === 0).map((signs) =>
    paragraph.lastIndexOf(signs),
  )
  return text.slice(0, start + Math.min(paragraph.length, ...halves, ...open))
}
