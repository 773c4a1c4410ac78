import { describe, expect, test } from 'vitest'

import { arrived } from './halfArrived'

describe('what is half there at the end of an answer waits', () => {
  test.each([
    ['See [1', 'See '],
    ['See [the law](https://exam', 'See '],
    ['See [the law]', 'See '],
    ['See ![a pict', 'See '],
    ['It is **import', 'It is '],
    ['Call `solve(', 'Call '],
    ['Text.\n\n| a | b', 'Text.\n'],
    ['Text.\n\n| a | b |\n|--', 'Text.\n'],
    ['With \\(x^2', 'With '],
    ['With \\', 'With '],
    ['So:\n\n\\[\nx = ', 'So:\n\n'],
    ['So:\n\n$$\nx = ', 'So:\n\n'],
    ['Code:\n\n``', 'Code:\n\n'],
    ['Code:\n\n```pyt', 'Code:\n\n'],
    ['Code:\n\n```py\na = 1\n``', 'Code:\n\n```py\na = 1\n'],
  ])('%j', (text, shown) => {
    expect(arrived(text)).toBe(shown)
  })
})

describe('what is there is shown', () => {
  test.each([
    'See [1]',
    'See [1, 2]',
    'See [the law](https://example.org) and',
    'It is **important** and',
    'Call `solve()` then',
    '| a | b |\n|---|---|\n| 1',
    'With \\(x^2\\) it',
    '$$x$$',
    '```py\na = [1\nb = "| x',
    'A price of $5 and 2 * 3',
  ])('%j', (text) => {
    expect(arrived(text)).toBe(text)
  })
})
