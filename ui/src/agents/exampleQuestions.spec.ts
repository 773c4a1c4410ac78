import { expect, test } from 'vitest'

import { headingQuestions, inTurn } from './exampleQuestions'

test('sections become questions, but for those that every document has', () => {
  const headings = [
    'fNIRS',
    'fNIRS › Introduction',
    'fNIRS › Motion artefacts',
    'fNIRS › Why light?',
    'fNIRS › References',
    '',
  ]

  expect(headingQuestions(headings)).toEqual([
    'What is there to know about “fNIRS”?',
    'What is there to know about “Motion artefacts”?',
    'Why light?',
  ])
})

test('a section with several passages is asked about once', () => {
  expect(headingQuestions(['A › Optodes', 'A › Optodes', 'B › Optodes'])).toHaveLength(1)
})

test('each document has its turn, and there are four at most', () => {
  expect(inTurn([['a1', 'a2', 'a3'], ['b1'], ['c1', 'c2']])).toEqual(['a1', 'b1', 'c1', 'a2'])
  expect(inTurn([])).toEqual([])
})
