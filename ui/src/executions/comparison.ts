/** Two executions side by side: what they took, how long, and what they answered from. */
import type { Source } from '@/api/types'

import type { Exported } from './executionExport'
import { settingRows } from './settingRows'
import { STATUS_WORDS } from './statusWords'
import { duration, exactTime } from './times'
import { timeline } from './timeline'

export interface ComparedRow {
  readonly name: string
  readonly left: string
  readonly right: string
}

export interface ComparedSource {
  readonly key: string
  readonly document: string
  /** The passage's number in each answer; null where it was not found. */
  readonly left: number | null
  readonly right: number | null
}

export function comparedTimings(left: Exported, right: Exported): ComparedRow[] {
  return side(timings(left), timings(right))
}

export function comparedSettings(left: Exported, right: Exported): ComparedRow[] {
  return side(settingRows(left.settings), settingRows(right.settings))
}

function side(
  left: readonly { name: string; value: string }[],
  right: readonly { value: string }[],
): ComparedRow[] {
  return left.map(({ name, value }, index) => ({ name, left: value, right: right[index]?.value ?? '–' }))
}

function timings({ execution, view }: Exported): { name: string; value: string }[] {
  const { total, queued, firstToken, tokensPerSecond, failures } = timeline(view.events)
  const output = view.output !== null && 'usage' in view.output ? view.output : null
  const time = (value: number | null) => (value === null ? '–' : duration(value))
  return [
    { name: 'Status', value: STATUS_WORDS[view.status] },
    { name: 'Started', value: exactTime(execution.created_at) },
    { name: 'Generator', value: output?.generator ?? '–' },
    { name: 'Total', value: time(total) },
    { name: 'Queued', value: time(queued) },
    { name: 'Time to first token', value: time(firstToken) },
    { name: 'Tokens per second', value: tokensPerSecond?.toFixed(1) ?? '–' },
    { name: 'Prompt tokens', value: output?.usage.prompt_tokens.toLocaleString('en') ?? '–' },
    { name: 'Answer tokens', value: output?.usage.completion_tokens.toLocaleString('en') ?? '–' },
    { name: 'Failed attempts', value: String(failures) },
  ]
}

/** The passages of both, those of the left first, in its order. */
export function comparedSources(left: readonly Source[], right: readonly Source[]): ComparedSource[] {
  const numbers = new Map(right.map(({ passage_id, n }) => [passage_id, n]))
  const ofLeft = new Set(left.map(({ passage_id }) => passage_id))
  return [
    ...left.map(({ passage_id, document, n }) => ({
      key: passage_id,
      document,
      left: n,
      right: numbers.get(passage_id) ?? null,
    })),
    ...right
      .filter(({ passage_id }) => !ofLeft.has(passage_id))
      .map(({ passage_id, document, n }) => ({ key: passage_id, document, left: null, right: n })),
  ]
}
