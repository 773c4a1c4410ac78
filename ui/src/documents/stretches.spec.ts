import { expect, test } from 'vitest'

import { passage } from '@/testing/made'

import { stretches } from './stretches'

const said = (text: string, ...places: [number, number][]) =>
  stretches(
    text,
    places.map(([start, end]) => passage(text, start, end)),
    true,
  ).map((part) => [part.passage !== null, part.paragraphs.map((paragraph) => paragraph.text).join('|')])

test('the text is cut where its passages are, and nothing of it is lost', () => {
  expect(said('Before. One. Two.\n\nAfter.', [8, 12], [13, 17])).toEqual([
    [false, 'Before.'],
    [true, 'One.'],
    [true, 'Two.'],
    [false, 'After.'],
  ])
})

test('offsets count code points', () => {
  expect(said('🧠🧠 brain and 🩸 blood', [0, 8], [9, 14], [14, 20])).toEqual([
    [true, '🧠🧠 brain'],
    [true, 'and 🩸'],
    [true, 'blood'],
  ])
})

test('passages that overlap say nothing twice', () => {
  expect(said('one two three', [0, 7], [4, 13])).toEqual([
    [true, 'one two'],
    [true, 'three'],
  ])
})

test('a plain text has no headings', () => {
  const text = '# Not a heading\n\n  indented'

  const [part] = stretches(text, [passage(text, 0, text.length)], false)

  expect(part?.paragraphs).toEqual([
    { kind: 'text', text: '# Not a heading' },
    { kind: 'text', text: '  indented' },
  ])
})
