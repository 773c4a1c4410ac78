import { expect, test } from 'vitest'

import { knownDocument } from '@/testing/made'

import { ordered, type DocumentOrder } from './documentOrder'

const documents = [
  knownDocument({ name: 'part 10.md', bytes: 5, created_at: '2026-01-01T10:00:00Z' }),
  knownDocument({ name: 'Part 9.md', bytes: 50, created_at: '2026-01-03T10:00:00Z' }),
  knownDocument({ name: 'apex.md', bytes: 5, created_at: '2026-01-02T10:00:00Z' }),
]
const names = (order: DocumentOrder) => ordered(documents, order).map(({ name }) => name)

test('documents are ordered by their age', () => {
  expect(names('newest')).toEqual(['Part 9.md', 'apex.md', 'part 10.md'])
  expect(names('oldest')).toEqual(['part 10.md', 'apex.md', 'Part 9.md'])
})

test('names are ordered as people count, whatever their case', () => {
  expect(names('name')).toEqual(['apex.md', 'Part 9.md', 'part 10.md'])
})

test('documents of one size are ordered by their names', () => {
  expect(names('largest')).toEqual(['Part 9.md', 'apex.md', 'part 10.md'])
  expect(names('smallest')).toEqual(['apex.md', 'part 10.md', 'Part 9.md'])
})
