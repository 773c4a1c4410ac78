import { expect, it } from 'vitest'

import { comparable } from './comparable'

it.each([
  ['composed and decomposed letters', 'Größe', 'GRO\u0308ße'],
  ['ligatures and wide letters', 'file', 'ﬁｌｅ'],
  ['soft hyphens and blanks without width', 'velocity', 've\u00ADlo\u200Bcity'],
])('compares %s', (_kind, one, other) => {
  expect(comparable(one)).toBe(comparable(other))
})

it('keeps accents', () => {
  expect(comparable('Größe')).not.toBe(comparable('Grosse'))
})
