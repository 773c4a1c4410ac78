import { expect, test } from 'vitest'

import { wordDiff } from './wordDiff'

test('words that the other has not are its own', () => {
  const diff = wordDiff('Light is absorbed by blood.', 'Light is scattered by blood.')

  expect(diff?.left.filter(({ isOwn }) => isOwn).map(({ text }) => text)).toEqual(['absorbed'])
  expect(diff?.right.filter(({ isOwn }) => isOwn).map(({ text }) => text)).toEqual(['scattered'])
  expect(diff?.common).toBeGreaterThan(0.6)
})

test('both sides hold their whole text', () => {
  const [left, right] = ['One\n\ntwo 🩸 three', 'One two\nfour 🧠 three three']

  const diff = wordDiff(left, right)

  expect(diff?.left.map(({ text }) => text).join('')).toBe(left)
  expect(diff?.right.map(({ text }) => text).join('')).toBe(right)
})

test('two of the same have nothing of their own', () => {
  const diff = wordDiff('Blood.', 'Blood.')

  expect(diff?.common).toBe(1)
  expect(diff?.left.some(({ isOwn }) => isOwn)).toBe(false)
  expect(wordDiff('', '')?.common).toBe(1)
})

test('long texts that have nothing in common are given up in time', () => {
  const words = (seed: number) =>
    Array.from({ length: 30_000 }, (_, index) => `w${(index * seed) % 99_991}`).join(' ')
  const begun = performance.now()

  wordDiff(words(7), words(13))

  expect(performance.now() - begun).toBeLessThan(5_000)
})
