/** What may be asked: the same rules as the API's, said before anything is sent. */
import type { InputData } from '@/api/types'

const LARGEST_INPUT = 64 * 1024

export type AskMode = 'question' | 'json'

export type Checked = { inputData: InputData; fault: null } | { inputData: null; fault: string }

function fault(text: string): Checked {
  return { inputData: null, fault: text }
}

export function checkedQuestion(query: string): Checked {
  return checked({ query })
}

export function checkedJson(text: string): Checked {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) {
      return fault(`This is not JSON: ${error.message}.`)
    }
    throw error
  }
  return checked(value)
}

function checked(value: unknown): Checked {
  if (!isObject(value)) {
    return fault('The input must be a JSON object, like {"query": "…"}.')
  }
  if (!('query' in value)) {
    return fault('The field "query" is missing: it is the question, as a string.')
  }
  if (typeof value.query !== 'string') {
    return fault('The field "query" must be a string.')
  }
  if (value.query.trim() === '') {
    return fault('The field "query" must not be blank: it is the question.')
  }
  const size = new TextEncoder().encode(JSON.stringify(value)).length
  if (size > LARGEST_INPUT) {
    return fault(`The input is ${size.toLocaleString('en')} bytes as JSON; at most 65,536 are taken.`)
  }
  return { inputData: value, fault: null }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
