/** A document's text, cut where its passages begin and end. */
import type { Passage } from '@/api/types'
import { readable, type Paragraph } from '@/executions/passageText'

export interface Stretch {
  /** Null for what is between passages. */
  readonly passage: Passage | null
  readonly paragraphs: readonly Paragraph[]
}

/** `passages` in the text's order; their offsets count code points. */
export function stretches(text: string, passages: readonly Passage[], isMarkdown: boolean): Stretch[] {
  const found: Stretch[] = []
  const index = codePointIndexes(text)
  const paragraphs = isMarkdown ? readable : plain
  let end = 0
  for (const passage of passages) {
    const from = Math.max(end, index(passage.start))
    const to = Math.max(from, index(passage.end))
    const between = text.slice(end, from)
    if (between.trim() !== '') {
      found.push({ passage: null, paragraphs: paragraphs(between) })
    }
    found.push({ passage, paragraphs: paragraphs(text.slice(from, to)) })
    end = to
  }
  const rest = text.slice(end)
  return rest.trim() === '' ? found : [...found, { passage: null, paragraphs: paragraphs(rest) }]
}

function plain(text: string): Paragraph[] {
  return text
    .split(/\n\s*\n/)
    .filter((part) => part.trim() !== '')
    .map((part) => ({ kind: 'text', text: part.replace(/^\n+|\s+$/g, '') }))
}

/** The UTF-16 index of each code point that is asked for; cheap as long as they are asked for in order. */
function codePointIndexes(text: string): (offset: number) => number {
  let passed = 0
  let index = 0
  return (offset) => {
    if (offset < passed) {
      passed = index = 0
    }
    while (passed < offset && index < text.length) {
      index += (text.codePointAt(index) ?? 0) > 0xffff ? 2 : 1
      passed += 1
    }
    return index
  }
}
