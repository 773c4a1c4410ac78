/** The only door to the REST API. */
import createClient from 'openapi-fetch'

import { problemOf, unreachable } from './problems'
import type { paths } from './schema'
import type {
  Agent,
  AgentCreate,
  EventPage,
  Execution,
  ExecutionEvent,
  Health,
  InputData,
  Page,
  User,
} from './types'

/** A little more than the API gives its own parts. */
const HEALTH_WITHIN = 2_600

const http = createClient<paths>({
  baseUrl: window.location.origin,
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

async function settled<Data>(asked: Promise<Answer<Data>>): Promise<Answer<Data>> {
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

async function answered<Data>(asked: Promise<Answer<Data>>): Promise<NonNullable<Data>> {
  try {
    const { data, response } = await settled(asked)
    if (data === undefined || data === null) {
      throw problemOf(response, data)
    }
    return data
  } catch (error) {
    noticeLogOut(error)
    throw error
  }
}

function noticeLogOut(error: unknown): void {
  if (error instanceof Error && 'status' in error && error.status === 401) {
    onUnauthenticated()
  }
}

export function listAgents(cursor: string | null = null): Promise<Page<Agent>> {
  return answered(http.GET('/api/agents', { params: { query: { limit: 100, cursor } } }))
}

export function createAgent(agent: AgentCreate): Promise<Agent> {
  return answered(http.POST('/api/agents', { body: agent }))
}

export function getAgent(agentId: string): Promise<Agent> {
  return answered(http.GET('/api/agents/{agent_id}', { params: { path: { agent_id: agentId } } }))
}

export function listExecutions(
  agentId: string,
  cursor: string | null,
  limit: number,
): Promise<Page<Execution>> {
  const params = { path: { agent_id: agentId }, query: { limit, cursor } }
  return answered(http.GET('/api/agents/{agent_id}/executions', { params }))
}

export function startExecution(agentId: string, inputData: InputData, key: string): Promise<Execution> {
  const params = { path: { agent_id: agentId }, header: { 'idempotency-key': key } }
  return answered(http.POST('/api/agents/{agent_id}/executions', { params, body: { input_data: inputData } }))
}

export function getExecution(executionId: string): Promise<Execution> {
  const params = { path: { execution_id: executionId } }
  return answered(http.GET('/api/executions/{execution_id}', { params }))
}

export function stopExecution(executionId: string): Promise<Execution> {
  const params = { path: { execution_id: executionId } }
  return answered(http.POST('/api/executions/{execution_id}/stop', { params }))
}

export function retryExecution(executionId: string): Promise<Execution> {
  const params = { path: { execution_id: executionId } }
  return answered(http.POST('/api/executions/{execution_id}/retry', { params }))
}

function eventPage(executionId: string, after: number): Promise<EventPage> {
  const params = { path: { execution_id: executionId }, query: { after } }
  return answered(http.GET('/api/executions/{execution_id}/events', { params }))
}

/** All there is now of an execution's log after sequence `after`, page by page. */
export async function* eventsAfter(executionId: string, after: number): AsyncGenerator<ExecutionEvent[]> {
  let next: number | null = after
  while (next !== null) {
    const page: EventPage = await eventPage(executionId, next)
    yield page.items
    next = page.next_after
  }
}

/** How the parts are; an API that takes longer than it may is as good as away. */
export async function getHealth(): Promise<Health> {
  const asked = http.GET('/api/health', { signal: AbortSignal.timeout(HEALTH_WITHIN) })
  const { data, error, response } = await asked.catch((failure: unknown) => {
    throw isAbsence(failure) ? unreachable() : failure
  })
  const health = data ?? error
  if (isHealth(health)) {
    return health
  }
  throw problemOf(response, health)
}

function isAbsence(failure: unknown): boolean {
  return failure instanceof TypeError || (failure instanceof DOMException && failure.name === 'TimeoutError')
}

/** A proxy in front of an API that is away answers something else. */
function isHealth(body: unknown): body is Health {
  return typeof body === 'object' && body !== null && 'checks' in body
}

export function me(): Promise<User> {
  return answered(http.GET('/api/me'))
}

/** A wrong code or key is for the log-in page to show, so it leads nowhere else. */
export async function login(credential: { code: string } | { api_key: string }): Promise<void> {
  await settled(http.POST('/api/login', { body: credential }))
}

export async function logout(): Promise<void> {
  await settled(http.POST('/api/logout'))
}
