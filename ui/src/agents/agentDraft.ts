/** An agent being filled in: its fields, and what is wrong with them as one types. */
import { collectionFault } from '@/documents/collectionName'
import { codePointCount, utf16Index } from '@/executions/codePoints'
import type { Agent, AgentCreate, AgentSettings } from '@/api/types'

/** An empty generator is the service's default; a field of numbers that is not filled in is NaN. */
export type AgentDraft = Omit<AgentSettings, 'generator'> & { generator: string }

export type Faults = Partial<Record<string, string>>

export const NEW_AGENT: AgentDraft = {
  name: '',
  description: '',
  instructions: '',
  generator: '',
  collection: 'default',
  top_k: 4,
  max_tokens: 1024,
  temperature: 0.2,
}

/** As the API has them; a spec sees to it. */
export const LONGEST = { name: 200, description: 2_000, instructions: 20_000, generator: 200 }
export const RANGES = { top_k: [1, 50], max_tokens: [1, 131_072], temperature: [0, 2] } as const

export function draftOf(agent: Agent): AgentDraft {
  const { name, description, instructions, generator, collection, top_k, max_tokens, temperature } = agent
  return {
    name,
    description,
    instructions,
    generator: generator ?? '',
    collection,
    top_k,
    max_tokens,
    temperature,
  }
}

export function copyOf(agent: Agent): AgentDraft {
  const ending = ' (copy)'
  const name = agent.name.slice(0, utf16Index(agent.name, LONGEST.name - ending.length)) + ending
  return { ...draftOf(agent), name }
}

export function requestOf(draft: AgentDraft): Required<AgentCreate> {
  const generator = draft.generator.trim()
  return { ...draft, name: draft.name.trim(), generator: generator === '' ? null : generator }
}

/** By field; what is not there is right. */
export function faultsOf(draft: AgentDraft): Faults {
  const faults: Faults = {}
  for (const field of ['name', 'description', 'instructions', 'generator'] as const) {
    const length = codePointCount(draft[field])
    if (length > LONGEST[field]) {
      faults[field] =
        `At most ${LONGEST[field].toLocaleString('en')} characters; this has ${length.toLocaleString('en')}.`
    }
  }
  if (draft.name.trim() === '') {
    faults.name = 'Enter a name.'
  }
  const collection = collectionFault(draft.collection)
  if (collection !== null) {
    faults.collection = collection
  }
  for (const [field, [least, most]] of Object.entries(RANGES) as [keyof typeof RANGES, [number, number]][]) {
    const value = draft[field]
    const isWhole = field === 'temperature' || Number.isInteger(value)
    if (!(value >= least && value <= most && isWhole)) {
      const kind = field === 'temperature' ? 'A number' : 'A whole number'
      faults[field] = `${kind} from ${least} to ${most.toLocaleString('en')}.`
    }
  }
  return faults
}
