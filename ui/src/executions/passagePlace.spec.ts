import { expect, test } from 'vitest'

import { placeOf } from './passagePlace'

test('a passage is found where it is said to begin, counted in code points', () => {
  expect(placeOf('blood', '🩸 blood, 🧠 blood.', 11)).toEqual({
    before: '🩸 blood, 🧠 ',
    passage: 'blood',
    after: '.',
  })
})

test('a passage that has moved is found where it is now', () => {
  expect(placeOf('blood', 'New: blood.', 0)).toMatchObject({ before: 'New: ', after: '.' })
  expect(placeOf('blood', 'blood.', 400)).toMatchObject({ before: '', after: '.' })
})

test('a passage that the text does not hold has no place', () => {
  expect(placeOf('blood', 'Light.')).toBeNull()
  expect(placeOf('', 'Light.')).toBeNull()
})
