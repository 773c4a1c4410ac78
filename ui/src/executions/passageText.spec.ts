import { expect, test } from 'vitest'

import { previewOf, readable } from './passageText'

test('headings lose their marks and stand alone', () => {
  expect(readable('# fNIRS\n\n## Uses ##\nWith children.\nAt rest.\n\nAnd #3 of it.')).toEqual([
    { kind: 'heading', text: 'fNIRS' },
    { kind: 'heading', text: 'Uses' },
    { kind: 'text', text: 'With children.\nAt rest.' },
    { kind: 'text', text: 'And #3 of it.' },
  ])
})

test('what only looks like a heading stays as it is', () => {
  expect(readable('#hashtag\n\n####### seven')).toEqual([
    { kind: 'text', text: '#hashtag' },
    { kind: 'text', text: '####### seven' },
  ])
})

test('a preview has the heading that its text stands under', () => {
  expect(previewOf('# fNIRS\n\n## Uses\n\nWith children.\n\n## More\n\nText.')).toEqual({
    heading: 'Uses',
    words: 'With children.',
  })
})

test('a passage without headings is all preview, and one of headings only is its last', () => {
  expect(previewOf('Plain.')).toEqual({ heading: null, words: 'Plain.' })
  expect(previewOf('# Only')).toEqual({ heading: 'Only', words: '' })
})
