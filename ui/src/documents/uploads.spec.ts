import { expect, test } from 'vitest'

import { knownDocument, SECOND } from '@/testing/made'

import { nextBatch, progress, settle, type Upload } from './uploads'

let id = 0

function upload(name: string, size = 10, fields: Partial<Upload> = {}): Upload {
  id += 1
  const file = new File(['x'.repeat(size)], name)
  return {
    id,
    name,
    file,
    collection: 'default',
    state: 'waiting',
    sent: 0,
    document: null,
    detail: null,
    code: null,
    ...fields,
  }
}

const names = (batch: Upload[]) => batch.map(({ name }) => name)

test('files of one collection are sent together, twenty at most', () => {
  const many = Array.from({ length: 25 }, (_, index) => upload(`${index}.md`))
  const elsewhere = upload('elsewhere.md', 10, { collection: 'papers' })

  expect(nextBatch([elsewhere, ...many])).toEqual([elsewhere])
  expect(nextBatch(many)).toHaveLength(20)
})

test('what is sent already is passed over, and no name comes twice', () => {
  const waiting = [upload('a.md', 10, { state: 'sending' }), upload('b.md'), upload('c.md'), upload('b.md')]

  expect(names(nextBatch(waiting))).toEqual(['b.md', 'c.md'])
})

test('a large file goes alone', () => {
  const large = 5 * 1024 * 1024

  expect(names(nextBatch([upload('a.pdf', large), upload('b.md')]))).toEqual(['a.pdf'])
  expect(names(nextBatch([upload('b.md'), upload('a.pdf', large)]))).toEqual(['b.md'])
})

test('the bytes that have left belong to the files in their order', () => {
  const batch = [upload('a', 10), upload('b', 10), upload('c', 10)]

  progress(batch, 15)
  expect(batch.map(({ sent }) => sent)).toEqual([10, 5, 0])
  progress(batch, 400)

  expect(batch.map(({ sent, state }) => [sent, state])).toEqual(Array(3).fill([10, 'reading']))
})

test('each file of a batch learns what became of it', () => {
  const batch = [upload('a.md'), upload('"b".md'), upload('c.md'), upload('d.md')]
  const [a, c, d] = [
    knownDocument({ name: 'a.md' }),
    knownDocument({ name: 'c.md', id: SECOND }),
    knownDocument({ name: 'other.md', id: 'other' }),
  ]

  settle(batch, {
    items: [a, c, d],
    refused: [{ name: '%22b%22.md', code: 'empty', detail: 'There is no text in it.' }],
    unchanged: [SECOND, 'other'],
  })

  expect(batch.map(({ state, detail, code }) => [state, detail, code])).toEqual([
    ['added', null, null],
    ['refused', 'There is no text in it.', 'empty'],
    ['unchanged', null, null],
    ['unchanged', 'Unchanged: same content as “other.md”', null],
  ])
  expect(batch[0]?.document).toBe(a)
})

test('when all were refused each has its own reason', () => {
  const batch = [upload('a'), upload('b')]
  const refused = batch.map(({ name }) => ({ name, code: 'empty', detail: `Nothing in ${name}.` }))

  settle(batch, { items: [], refused, unchanged: [] })

  expect(batch.map(({ detail }) => detail)).toEqual(['Nothing in a.', 'Nothing in b.'])
})
