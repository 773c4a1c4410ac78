/** The wire to the REST API: what every call shares. */
import createClient from 'openapi-fetch'

import { ApiProblem, problemOf, unreachable } from './problems'
import { apiUrl } from './rootPath'
import type { paths } from './schema'

export const http = createClient<paths>({
  baseUrl: apiUrl('/').href,
  fetch: (request) => globalThis.fetch(request),
})

interface Answer<Data> {
  data?: Data
  error?: unknown
  response: Response
}

let onUnauthenticated: () => void = () => undefined
let onUnreachable: () => void = () => undefined

/** Says what happens when the API no longer knows who asks. */
export function whenUnauthenticated(handler: () => void): void {
  onUnauthenticated = handler
}

/** Says what happens when the API does not answer. */
export function whenUnreachable(handler: () => void): void {
  onUnreachable = handler
}

/** The answer, or the problem that it tells of. */
export async function settled<Data>(asked: Promise<Answer<Data>>): Promise<Answer<Data>> {
  let answer: Answer<Data>
  try {
    answer = await asked
  } catch (error) {
    if (error instanceof TypeError) {
      onUnreachable()
      throw unreachable()
    }
    throw error
  }
  if (!answer.response.ok) {
    throw problemOf(answer.response, answer.error)
  }
  return answer
}

/** What was asked for; who is no longer logged in is noticed on the way. */
export async function answered<Data>(asked: Promise<Answer<Data>>): Promise<NonNullable<Data>> {
  const { data, response } = await noticed(asked)
  if (data === undefined || data === null) {
    throw problemOf(response, data)
  }
  return data
}

/** For what answers with nothing but its status. */
export async function done(asked: Promise<Answer<unknown>>): Promise<void> {
  await noticed(asked)
}

async function noticed<Data>(asked: Promise<Answer<Data>>): Promise<Answer<Data>> {
  try {
    return await settled(asked)
  } catch (error) {
    if (error instanceof ApiProblem && error.status === 401) {
      onUnauthenticated()
    }
    throw error
  }
}
