import { expect, test } from 'vitest'

import type { ExecutionEvent } from '@/api/types'
import {
  completed,
  delta,
  failed,
  FIRST,
  found,
  log,
  message,
  progress,
  source,
  started,
  stopped,
} from '@/testing/made'

import { kindOf, logEntry } from './logEntries'

function line(said: Parameters<typeof log>[1]): ReturnType<typeof logEntry> {
  return logEntry(log(FIRST, said)[0]!)
}

test.each([
  ['Started', started()],
  ['[PROGRESS]', progress({ stage: 'retrieving', message: 'Looking.' })],
  ['[STEP]', found(source(1))],
  ['[MESSAGE]', message('Blood.')],
  ['Completed', completed('Blood.')],
  ['Error', failed('MCP is away.')],
  ['Stopped', stopped('Blo', null)],
] as const)('a line is tagged %s', (tag, said) => {
  expect(line(said).tag).toBe(tag)
})

test('a piece of the answer says where it goes', () => {
  expect(line(delta(12, 'ood'))).toMatchObject({ tag: '[DELTA]', text: '12 ood' })
})

test('an event of an unknown kind has a line that says so', () => {
  const unknown = { ...log(FIRST, started())[0]!, type: 'execution_paused' } as unknown as ExecutionEvent

  expect(logEntry(unknown)).toMatchObject({ tag: 'execution_paused' })
  expect(kindOf(unknown)).toBe('life')
})

test('a line holds the beginning of a long answer', () => {
  expect(line(message('a'.repeat(50_000))).text.length).toBeLessThan(1_000)
})

test('an attempt that failed says what failed and when it goes on', () => {
  const said = progress({
    stage: 'generating',
    message: 'The model is away.',
    attempt: 2,
    error: 'Connection refused.',
    retry_in_seconds: 2.5,
  })

  expect(line(said)).toMatchObject({
    text: 'Attempt 2 failed; next in 2.5 s',
    trouble: 'Connection refused.',
  })
})

test('a stop says how fast it was, and how much it kept', () => {
  expect(line(stopped('Blo', '2026-01-01T10:00:03.340Z')).text).toBe(
    'Stopped on request. (stopped in 0.3 s, 3 characters kept)',
  )
})

test('an error has its code', () => {
  expect(line(failed('MCP is away.'))).toMatchObject({ text: 'MCP is away.', trouble: 'mcp_unreachable' })
})
