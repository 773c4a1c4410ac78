import { expect, test } from 'vitest'

import { checkedJson, checkedQuestion } from './inputData'

test('a question is an input with that query', () => {
  expect(checkedQuestion('Why?')).toMatchObject({ inputData: { query: 'Why?' }, fault: null })
})

test('further fields of the JSON stay', () => {
  expect(checkedJson('{"query": "Why?", "language": "en"}').inputData).toEqual({
    query: 'Why?',
    language: 'en',
  })
})

test.each([
  ['{"query": "Why?"', 'Line 1, column 17: A closing brace'],
  ['[1]', 'must be a JSON object'],
  ['['.repeat(100_000), 'Nested too deeply'],
  ['null', 'must be a JSON object'],
  ['{}', 'Add a field "query"'],
  ['{"query": 3}', '"query" must be a string'],
  ['{"query": " \\n"}', 'Type a question first'],
])('%.20s is refused: %s', (text, words) => {
  expect(checkedJson(text).fault).toContain(words)
})

test('the size is counted in bytes of UTF-8, as the API counts it', () => {
  const room = 64 * 1024 - '{"query":""}'.length

  expect(checkedQuestion('a'.repeat(room)).fault).toBeNull()
  expect(checkedQuestion('a'.repeat(room - 1) + 'ä').fault).toContain('65,537 bytes')
})
