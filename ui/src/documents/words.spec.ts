import { expect, test } from 'vitest'

import { kindWords } from './words'

test('a kind that has no name here is told as it is', () => {
  expect([kindWords('application/pdf'), kindWords('image/x-strange')]).toEqual(['PDF', 'image/x-strange'])
})
