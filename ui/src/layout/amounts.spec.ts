import { expect, test } from 'vitest'

import { counted, sizeWords } from '@/layout/amounts'

test('sizes are told in the unit that suits them', () => {
  expect([0, 1, 1_023, 1_024, 10_137, 12_345, 1_048_000, 10_485_760].map(sizeWords)).toEqual([
    '0 bytes',
    '1 byte',
    '1,023 bytes',
    '1.0 KiB',
    '9.9 KiB',
    '12 KiB',
    '1.0 MiB',
    '10 MiB',
  ])
})

test('numbers agree with what is counted', () => {
  expect([counted(1, 'passage'), counted(2_345, 'passage')]).toEqual(['1 passage', '2,345 passages'])
})
