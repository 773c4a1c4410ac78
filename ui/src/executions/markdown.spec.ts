import { describe, expect, test } from 'vitest'

import { read, safeAddress, unescaped, type ReadMarkdown } from './markdown'

const SAMPLES = [
  'One paragraph\nwith two lines.\n\nAnother [1].',
  '# Title\n\nText\n=====\n\n## Sub\ntext',
  '- a\n- b\n\n  more of b\n\n- c\n\n1. x\n2. y\n\nend',
  '- a\n\n- b\n\n\n- c\n\ntext after',
  '```ts\nconst a = 1\n\nconst b = 2\n```\n\nafter\n\n    indented\n\nend',
  '| a | b |\n|---|:-:|\n| 1 | 2 |\n| 3 | 4 |\n\nafter the table',
  '> quoted\n> more\n\nplain\n\n> again\nlazy',
  '<div>\nhello\n</div>\n\n<script>alert(1)</script>\n\nx <b>y</b>',
  'a\r\nb\r\n\r\n* * *\r\n\r\nc',
  '[1]: http://evil.example\n\nSee [1] and [x][1].',
  '1) one\n2) two\n   - nested\n   - list\n\n   still two\n3) three\n\n---\nend',
  '\n\n  leading\n\n\n\ttabbed\n\ntext',
  '* a\n+ b\n- c\n\n~~~\nfence\n\n~~~\n\\*not\\* **bold *and* em** `code` ~~gone~~',
  'Within \\(x^2\\) a line, $$y$$ too, and \\[z\\] as well.\n\nIt costs $5 to $10.',
  'Before\n$$\na = b\n\\frac{1}{2}\n$$\nafter\n\n\\[\nc\n\\]\n\n$$ open\n\nend',
  '- a \\(x\\)\n\n  $$\n  y\n  $$\n- b\n\n`\\(no\\)` and\n\n```tex\n$$no$$\n```',
]

describe('an answer that grows', () => {
  test.each(SAMPLES)('is read as if it had come at once: %j', (sample) => {
    let along: ReadMarkdown | undefined
    for (let length = 1; length <= sample.length; length += 1) {
      along = read(sample.slice(0, length), along)

      expect(along).toEqual(read(sample.slice(0, length)))
    }
  })

  test('keeps the blocks that are whole as the same objects', () => {
    const before = read('One.\n\nTwo.\n\nThree.\n\nFo')

    const after = read('One.\n\nTwo.\n\nThree.\n\nFour', before)

    expect(after.blocks.slice(0, 3)).toEqual(before.blocks.slice(0, 3))
    after.blocks.slice(0, 3).forEach((block, index) => {
      expect(block).toBe(before.blocks[index])
    })
    expect(after.blocks[3]).not.toBe(before.blocks[3])
  })

  test('that starts over is read anew', () => {
    const before = read('One.\n\nTwo.\n\nThree.')

    expect(read('Quite another.', before)).toEqual(read('Quite another.'))
  })
})

describe('a link', () => {
  test.each([
    'https://example.org/a?b#c',
    'http://127.0.0.1:8000/',
    'mailto:a@example.org',
    'HTTPS://EXAMPLE.ORG',
  ])('%s may be followed', (address) => {
    expect(safeAddress(address)).toBe(address)
  })

  test.each([
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    ' javascript:alert(1)',
    'java\nscript:alert(1)',
    'data:text/html,<script>alert(1)</script>',
    'vbscript:x',
    'file:///etc/passwd',
    '//evil.example/x',
    '/api/logout',
    '#main',
    'https://',
  ])('%j may not', (address) => {
    expect(safeAddress(address)).toBeNull()
  })
})

test('entities are the signs that they stand for, and never elements', () => {
  expect(unescaped('a &lt;b&gt; &amp;amp; &#8211; &nbsp;&unknown; &')).toBe('a <b> &amp; – \u00a0&unknown; &')
  expect(unescaped('</textarea><img src=x onerror=alert(1)>')).toBe('</textarea><img src=x onerror=alert(1)>')
})

describe('a formula', () => {
  const formulasOf = (text: string) =>
    read(text).blocks.flatMap(({ token }) => {
      const inside = 'tokens' in token ? (token.tokens ?? []) : []
      return [token, ...inside].filter(({ type }) => type === 'formula')
    })

  test.each([
    ['Within \\(x^2\\) a line', 'x^2', false],
    ['\\[\nE = mc^2\n\\]', 'E = mc^2', true],
    ['$$E = mc^2$$', 'E = mc^2', true],
  ])('%j', (text, tex, isBlock) => {
    expect(formulasOf(text)).toMatchObject([{ text: tex, isBlock }])
  })

  test.each(['It costs $5 to $10.', '`\\(x\\)`', '```\n$$x$$\n```', '$$ a\n\nb $$'])(
    'is none in %j',
    (text) => {
      expect(formulasOf(text)).toEqual([])
    },
  )
})
