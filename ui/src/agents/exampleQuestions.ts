/** Questions to begin with, which the documents that are there can answer. */
import type { Document } from '@/api/types'

const MOST = 4

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
