import { expect, test } from 'vitest'

import { GrowingList } from './growingList'

test('a list with one more leaves the shorter one as it was', () => {
  const short = GrowingList.empty<string>().with('a')

  const long = short.with('b').with('c')

  expect([...short]).toEqual(['a'])
  expect([...long]).toEqual(['a', 'b', 'c'])
  expect(short.at(1)).toBeUndefined()
  expect([...long.from(1)]).toEqual(['b', 'c'])
})

test('two ways on from one list do not meet', () => {
  const common = GrowingList.empty<string>().with('a')

  const one = common.with('b')
  const other = common.with('x').with('y')

  expect([...one]).toEqual(['a', 'b'])
  expect([...other]).toEqual(['a', 'x', 'y'])
})
