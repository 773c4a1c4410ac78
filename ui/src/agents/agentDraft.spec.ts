import { readFileSync } from 'node:fs'

import { describe, expect, test } from 'vitest'

import { COLLECTION } from '@/documents/collectionName'
import { agent } from '@/testing/made'

import { copyOf, draftOf, faultsOf, LONGEST, NEW_AGENT, RANGES, requestOf } from './agentDraft'

interface Field {
  maxLength?: number
  minimum?: number
  maximum?: number
  pattern?: string
  default?: unknown
  anyOf?: Field[]
}

const schema = JSON.parse(readFileSync('openapi.json', 'utf8')) as {
  components: { schemas: { AgentCreate: { properties: Record<string, Field> } } }
}
const fields = schema.components.schemas.AgentCreate.properties

describe('what is right here is right for the API', () => {
  test.each(Object.entries(LONGEST))('the longest %s', (name, longest) => {
    expect(fields[name]?.maxLength ?? fields[name]?.anyOf?.[0]?.maxLength).toBe(longest)
  })

  test.each(Object.entries(RANGES))('the range of %s', (name, range) => {
    expect([fields[name]?.minimum, fields[name]?.maximum]).toEqual(range)
  })

  test('the names of collections', () => {
    expect(fields.collection?.pattern).toBe(COLLECTION.source)
  })

  test('what is not said', () => {
    const { name, generator, ...rest } = NEW_AGENT
    const defaults = Object.fromEntries(Object.keys(rest).map((field) => [field, fields[field]?.default]))
    expect({ name, generator }).toEqual({ name: '', generator: '' })
    expect(rest).toEqual(defaults)
  })
})

test('an agent comes back from its draft as it was', () => {
  const { name, generator, temperature } = requestOf(draftOf(agent({ generator: null, temperature: 1.5 })))

  expect({ name, generator, temperature }).toEqual({
    name: 'Research assistant',
    generator: null,
    temperature: 1.5,
  })
})

test('the name of a duplicate is not longer than a name may be', () => {
  const { name } = copyOf(agent({ name: '🧠'.repeat(200) }))

  expect(name.endsWith('🧠 (copy)')).toBe(true)
  expect(Array.from(name)).toHaveLength(200)
})

test.each([
  ['top_k', 2.5],
  ['top_k', 0],
  ['max_tokens', NaN],
  ['temperature', 2.1],
])('%s of %s is wrong', (field, value) => {
  expect(Object.keys(faultsOf({ ...NEW_AGENT, name: 'A', [field]: value }))).toEqual([field])
})

test('characters are counted as the API counts them', () => {
  expect(faultsOf({ ...NEW_AGENT, name: '🧠'.repeat(200) })).toEqual({})
  expect(faultsOf({ ...NEW_AGENT, name: '🧠'.repeat(201) })).toHaveProperty('name')
})
