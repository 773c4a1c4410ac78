/** A passage as a person reads it: Markdown's headings are told apart by their look, not by their marks. */

export interface Paragraph {
  readonly kind: 'heading' | 'text'
  readonly text: string
}

const HEADING = /^#{1,6}[ \t]+(.*?)[ \t]*#*$/

/** The passage in paragraphs; nothing of it is lost but the marks of its headings. */
export function readable(passage: string): Paragraph[] {
  return passage
    .replaceAll(/^#.*$/gm, '\n$&\n')
    .split(/\n\s*\n/)
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(paragraph)
}

function paragraph(text: string): Paragraph {
  const heading = HEADING.exec(text)?.[1]
  return heading === undefined ? { kind: 'text', text } : { kind: 'heading', text: heading }
}

/** The first of it in a line: the nearest heading, and how the text under it begins. */
export function previewOf(passage: string): { heading: string | null; words: string } {
  const parts = readable(passage)
  const first = parts.findIndex(({ kind }) => kind === 'text')
  const heading = (first === -1 ? parts : parts.slice(0, first)).at(-1)?.text ?? null
  return { heading, words: first === -1 ? '' : (parts[first]?.text.slice(0, 300) ?? '') }
}
