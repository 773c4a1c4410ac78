import { expect, test } from 'vitest'

import { counted, kindWords, sizeWords } from './words'

test('sizes are told in the unit that suits them', () => {
  expect([0, 1, 999, 1_000, 9_940, 12_345, 999_600, 10_485_760].map(sizeWords)).toEqual([
    '0 bytes',
    '1 byte',
    '999 bytes',
    '1.0 kB',
    '9.9 kB',
    '12 kB',
    '1.0 MB',
    '10 MB',
  ])
})

test('numbers agree with what is counted', () => {
  expect([counted(1, 'passage'), counted(2_345, 'passage')]).toEqual(['1 passage', '2,345 passages'])
})

test('a kind that has no name here is told as it is', () => {
  expect([kindWords('application/pdf'), kindWords('image/x-strange')]).toEqual(['PDF', 'image/x-strange'])
})
