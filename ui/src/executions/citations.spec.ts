import { expect, test } from 'vitest'

import { segments } from './citations'

const KNOWN = new Set([1, 2])

test('markers of known sources stand apart from the text', () => {
  expect(segments('Blood[1][2].', KNOWN)).toEqual([
    { kind: 'text', text: 'Blood' },
    { kind: 'marker', n: 1 },
    { kind: 'marker', n: 2 },
    { kind: 'text', text: '.' },
  ])
})

test('a number that no source has stays text', () => {
  expect(segments('a[7] [x] [] [1', KNOWN)).toEqual([{ kind: 'text', text: 'a[7] [x] [] [1' }])
})

test('a marker does not begin a line', () => {
  expect(segments('Blood [1]', KNOWN)[0]).toEqual({ kind: 'text', text: 'Blood\u00a0' })
})

test('an empty answer has no segments', () => {
  expect(segments('', KNOWN)).toEqual([])
})

test('a marker may name several sources, if all of them are there', () => {
  expect(segments('a [1, 2] b [1,9]', KNOWN)).toEqual([
    { kind: 'text', text: 'a\u00a0' },
    { kind: 'marker', n: 1 },
    { kind: 'marker', n: 2 },
    { kind: 'text', text: ' b [1,9]' },
  ])
})

test.each(['[1-2]', '[1 – 2]', '[ 1,  2 ]', '[1—2]'])('%s names both sources', (marker) => {
  expect(segments(`a ${marker}`, KNOWN)).toEqual([
    { kind: 'text', text: 'a\u00a0' },
    { kind: 'marker', n: 1 },
    { kind: 'marker', n: 2 },
  ])
})

test.each(['[1-3]', '[2-1]', '[0-1]', '[1-2-2]', '[1-]', '[-1]', '[1, 2-1]'])('%s stays text', (marker) => {
  expect(segments(marker, KNOWN)).toEqual([{ kind: 'text', text: marker }])
})
