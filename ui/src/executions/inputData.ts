/** What may be asked: the same rules as the API's, said before anything is sent. */
import type { StartInput } from '@/api/types'
import { counted } from '@/layout/amounts'

import { jsonFault, type JsonFault } from './jsonFault'

const LARGEST_INPUT = 64 * 1024

export type AskMode = 'question' | 'json'

export type Checked =
  | { inputData: StartInput; fault: null; place: null }
  | { inputData: null; fault: string; place: JsonFault | null }

function fault(text: string, place: JsonFault | null = null): Checked {
  return { inputData: null, fault: text, place }
}

export function checkedQuestion(query: string): Checked {
  return checked({ query })
}

export function checkedJson(text: string): Checked {
  const place = jsonFault(text)
  if (place !== null) {
    return fault(`Line ${place.line}, column ${place.column}: ${place.words}.`, place)
  }
  return checked(JSON.parse(text) as unknown)
}

function checked(value: unknown): Checked {
  if (!isObject(value)) {
    return fault('The input must be a JSON object, like {"query": "…"}.')
  }
  if (!('query' in value)) {
    return fault('Add a field "query" with the question as a string.')
  }
  if (typeof value.query !== 'string') {
    return fault('The field "query" must be a string.')
  }
  if (value.query.trim() === '') {
    return fault('Type a question first.')
  }
  const size = new TextEncoder().encode(JSON.stringify(value)).length
  if (size > LARGEST_INPUT) {
    return fault(
      `The input has ${counted(size, 'byte')} as JSON; the limit is ${counted(LARGEST_INPUT, 'byte')}.`,
    )
  }
  return { inputData: { ...value, query: value.query }, fault: null, place: null }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
