/** Questions to begin with, which the documents that are there can answer. */
import type { Document } from '@/api/types'
import { sectionTitle } from '@/documents/headings'

const MOST = 4
/** Headings that nearly every document has. */
const TELLING_LITTLE =
  /^(abstract|introduction|summary|conclusions?|references|see also|external links|contents|overview|notes|sources|further reading|bibliography|literature)$/i

/** What the documents that Dynavera ships answer well. */
const SHIPPED: readonly (readonly [document: string, question: string])[] = [
  ['functional-near-infrared-spectroscopy.md', 'What is fNIRS?'],
  ['electroencephalography.md', 'Who invented EEG?'],
  ['haemodynamic-response.md', 'What is neurovascular coupling?'],
  ['modified-beer-lambert-law.md', 'What does the modified Beer–Lambert law do?'],
  ['motion-artefacts.md', 'What causes motion artefacts in fNIRS?'],
]

export function exampleQuestions(documents: readonly Pick<Document, 'name'>[]): string[] {
  const names = new Set(documents.map(({ name }) => name))
  const known = SHIPPED.filter(([name]) => names.has(name)).map(([, question]) => question)
  const shipped = new Set(SHIPPED.map(([name]) => name))
  const others = documents
    .filter(({ name }) => !shipped.has(name))
    .map(({ name }) => `What is ${titleOf(name)} about?`)
  return [...known, ...others].slice(0, MOST)
}

/** Questions that the sections of a document answer; a heading is the path to its section. */
export function headingQuestions(headings: readonly string[]): string[] {
  const titles = headings.map((heading) => sectionTitle(heading).trim())
  const telling = titles.filter((title) => title.length > 3 && !TELLING_LITTLE.test(title))
  return Array.from(new Set(telling), (title) =>
    title.endsWith('?') ? title : `What is there to know about “${title}”?`,
  )
}

/** Takes one question of each document in turn, so that several are represented. */
export function inTurn(lists: readonly (readonly string[])[]): string[] {
  const longest = Math.max(0, ...lists.map(({ length }) => length))
  const rounds = Array.from({ length: longest }, (_, round) =>
    lists.flatMap((list) => list.slice(round, round + 1)),
  )
  return Array.from(new Set(rounds.flat())).slice(0, MOST)
}

/** A name as one would say it: without folders, ending and hyphens. */
function titleOf(name: string): string {
  const last = name.split('/').at(-1) ?? name
  return `“${
    last
      .replace(/\.[A-Za-z0-9]{1,8}$/, '')
      .replaceAll(/[-_]+/g, ' ')
      .trim() || last
  }”`
}
