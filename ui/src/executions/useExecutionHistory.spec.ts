import { createPinia, setActivePinia } from 'pinia'
import { http, HttpResponse } from 'msw'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { effectScope, type EffectScope } from 'vue'

import type { Execution } from '@/api/types'
import { AGENT, completed, delta, execution, FIRST, log, started } from '@/testing/made'
import { network } from '@/testing/network'

import { useExecutionsStore } from './executionsStore'
import { useExecutionHistory, type History } from './useExecutionHistory'

let scope: EffectScope

beforeEach(() => {
  setActivePinia(createPinia())
  scope = effectScope()
})

afterEach(() => {
  scope.stop()
})

async function read(...executions: Execution[]): Promise<History> {
  network.use(
    http.get(`*/api/agents/${AGENT}/executions`, () =>
      HttpResponse.json({ items: executions, next_cursor: null }),
    ),
  )
  const history = scope.run(() => useExecutionHistory(AGENT, () => true))!
  await vi.waitFor(() => {
    expect(history.executions.value).toHaveLength(executions.length)
  })
  return history
}

const statuses = ({ executions }: History) => executions.value?.map(({ status }) => status)

test('the list follows what is seen live', async () => {
  const { record } = useExecutionsStore()
  const history = await read(execution({ status: 'queued', completed_at: null }))
  const [begun, piece, end] = log(FIRST, started(), delta(0, 'Light'), completed('Light'))

  record(begun!)
  record(piece!)
  expect(statuses(history)).toEqual(['running'])
  record(end!)

  expect(statuses(history)).toEqual(['completed'])
})

test('the list stays the same while an answer grows', async () => {
  const { record } = useExecutionsStore()
  const history = await read(execution({ status: 'running', completed_at: null }))
  const [begun, piece, next] = log(FIRST, started(), delta(0, 'Light'), delta(5, ' tells'))
  record(begun!)
  record(piece!)
  const before = history.executions.value

  record(next!)

  expect(history.executions.value).toBe(before)
})
