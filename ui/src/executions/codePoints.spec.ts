import { expect, test } from 'vitest'

import { codePointCount, utf16Index } from './codePoints'

const TEXTS = ['', 'plain', 'ä ö', '🩸', 'a🩸b🧠c', '👩‍🔬', '𝒳'.repeat(50)]

test.each(TEXTS)('%j has as many code points as its iterator yields', (text) => {
  expect(codePointCount(text)).toBe(Array.from(text).length)
})

test.each(TEXTS)('%j is cut at each code point where its iterator would cut it', (text) => {
  const points = Array.from(text)

  for (let offset = 0; offset <= points.length; offset += 1) {
    expect(text.slice(0, utf16Index(text, offset))).toBe(points.slice(0, offset).join(''))
  }
})

test('an offset past the end is the end', () => {
  expect(utf16Index('a🩸', 9)).toBe(3)
})

test('half a pair counts as one, as in every other place that counts', () => {
  expect(codePointCount('a\ud83e')).toBe(2)
})
