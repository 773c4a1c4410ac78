import { expect, test } from 'vitest'

import { jsonFault } from './jsonFault'

test.each([
  ['{"query": "a"', 1, 14, /closing brace/],
  ['{"query": "a",}', 1, 15, /field/],
  ['{\n  "query" "a"\n}', 2, 11, /colon/],
  ['{\n  query: "a"\n}', 2, 3, /double quotes/],
  ['{"query": "a" "b": 1}', 1, 15, /comma/],
  ['{"query": "a}', 1, 11, /closing quote/],
  ['{"query": "🩸🧠" x}', 1, 16, /double quotes|comma/],
  ['{} {}', 1, 4, /after the end/],
  ['// why\n{}', 1, 1, /comments/],
  ["{'query': 1}", 1, 2, /double quotes/],
])('%j breaks in line %d at column %d', (text, line, column, words) => {
  const fault = jsonFault(text)

  expect(fault).toMatchObject({ line, column })
  expect(fault?.words).toMatch(words)
})

test.each(['{}', '{"query": "a", "more": [1, -2.5e3, true, null, {"x": "\\u00e9\\n"}]}', '[]', '1'])(
  '%j is JSON',
  (text) => {
    expect(jsonFault(text)).toBeNull()
  },
)

test.each([
  '{"a": 01}',
  '{"a": 1.}',
  '{"a": NaN}',
  '{"a": "\t"}',
  '{"a": +1}',
  '{"a": "\\x"}',
  ' ',
  '{"a":1}\u00a0',
])('what the browser does not take as JSON is not taken here either: %j', (text) => {
  expect(() => JSON.parse(text) as unknown).toThrow(SyntaxError)
  expect(jsonFault(text)).not.toBeNull()
})
