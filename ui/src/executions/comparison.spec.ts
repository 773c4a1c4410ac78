import { expect, test } from 'vitest'

import { completed, execution, FIRST, log, SECOND, settings, source, started } from '@/testing/made'

import { comparedSettings, comparedSources, comparedTimings } from './comparison'
import type { Exported } from './executionExport'
import { applied, emptyView } from './executionView'

function exported(fields: Partial<Exported['settings']> = {}): Exported {
  const view = log(FIRST, started(), completed('Light.')).reduce(applied, emptyView(FIRST))
  return { execution: execution(), settings: settings(fields), view }
}

test('settings stand side by side', () => {
  const rows = comparedSettings(exported(), exported({ top_k: 9 }))

  expect(rows.filter(({ left, right }) => left !== right)).toEqual([
    { name: 'Passages', left: '4', right: '9' },
  ])
})

test('timings stand side by side', () => {
  expect(comparedTimings(exported(), exported())).toContainEqual({
    name: 'Total',
    left: '1.0 s',
    right: '1.0 s',
  })
})

test('a passage that both found has both its numbers', () => {
  const one = { ...source(1), passage_id: FIRST }
  const other = { ...source(2), passage_id: SECOND }

  expect(
    comparedSources(
      [one, other],
      [
        { ...other, n: 1 },
        { ...source(2), passage_id: 'third' },
      ],
    ),
  ).toEqual([
    { key: FIRST, document: 'document-1.md', left: 1, right: null },
    { key: SECOND, document: 'document-2.md', left: 2, right: 1 },
    { key: 'third', document: 'document-2.md', left: null, right: 2 },
  ])
})
