import { expect, test } from 'vitest'

import { marked, placeOnScale, rankWords, reason } from './foundWords'

const words = (text: string, query: string) =>
  marked(text, query).flatMap(({ text: piece, isWord }) => (isWord ? [piece] : []))

test('the words of the query are marked, and what begins with them', () => {
  expect(words('Light lights the LIGHT, not delight.', 'what light?')).toEqual(['Light', 'lights', 'LIGHT'])
  expect(words('Größe und größer', 'größe')).toEqual(['Größe', 'größer'])
})

test('nothing of the text is lost', () => {
  const text = 'A <b>bold</b> text (with [signs]).'

  expect(
    marked(text, 'bold signs .* (')
      .map((piece) => piece.text)
      .join(''),
  ).toBe(text)
  expect(marked(text, '?!')).toEqual([{ text, isWord: false }])
})

test('a rank is told as people tell it', () => {
  expect([1, 2, 3, 4, 11, 21].map(rankWords)).toEqual(['1st', '2nd', '3rd', '4th', '11th', '21st'])
  expect(rankWords(null)).toBe('not in the top 100')
})

test('which of the two rankings has found it is said', () => {
  expect(reason({ vector_rank: 1, bm25_rank: 3 })).toBe('Found by meaning and by keywords.')
  expect(reason({ vector_rank: null, bm25_rank: 3 })).toBe('Found by keywords only.')
  expect(reason({ vector_rank: 1, bm25_rank: null })).toBe('Found by meaning only.')
})

test('the scale leads from the best to the hundredth', () => {
  expect([1, 10, 100, 5_000].map(placeOnScale)).toEqual([0, 0.5, 1, 1])
})
