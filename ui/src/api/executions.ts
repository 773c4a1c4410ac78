/** Executions and their events, as REST tells of them. */
import { answered, done, http } from './http'
import { part } from './pages'
import type {
  AgentSettings,
  EventPage,
  Execution,
  ExecutionCounts,
  ExecutionEvent,
  ExecutionQuery,
  Feedback,
  Page,
  PinnedSource,
  StartInput,
} from './types'

export function listExecutions(
  agentId: string,
  cursor: string | null,
  limit: number,
): Promise<Page<Execution>> {
  const params = { path: { agent_id: agentId }, query: part(limit, cursor) }
  return answered(http.GET('/api/agents/{agent_id}/executions', { params }))
}

/** All executions of the user that the query fits, newest first. */
export function findExecutions(
  query: ExecutionQuery,
  cursor: string | null,
  limit: number,
): Promise<Page<Execution>> {
  return answered(http.GET('/api/executions', { params: { query: { ...query, ...part(limit, cursor) } } }))
}

/** How many of them there are in each status; the query's own status does not count. */
export function countExecutions({ agent_id, q, since, until }: ExecutionQuery): Promise<ExecutionCounts> {
  const query = { agent_id, q, since, until }
  return answered(http.GET('/api/executions/counts', { params: { query } }))
}

export function startExecution(agentId: string, inputData: StartInput, key: string): Promise<Execution> {
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

/** Replaces what was given before; the execution must have ended. */
export function giveFeedback(
  executionId: string,
  verdict: Feedback['verdict'],
  note: string | null,
): Promise<Execution> {
  const params = { path: { execution_id: executionId } }
  return answered(http.PUT('/api/executions/{execution_id}/feedback', { params, body: { verdict, note } }))
}

export function removeFeedback(executionId: string): Promise<Execution> {
  const params = { path: { execution_id: executionId } }
  return answered(http.DELETE('/api/executions/{execution_id}/feedback', { params }))
}

/** It is asked for even if the page is left right then. */
export function deleteExecution(executionId: string): Promise<void> {
  const params = { path: { execution_id: executionId } }
  return done(http.DELETE('/api/executions/{execution_id}', { params, keepalive: true }))
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

/** The agent's settings as the execution took them. */
export function executionSettings(executionId: string): Promise<AgentSettings> {
  const params = { path: { execution_id: executionId } }
  return answered(http.GET('/api/executions/{execution_id}/settings', { params }))
}

/** A source as it was cited, and what has become of its document. */
export function pinnedSource(executionId: string, n: number): Promise<PinnedSource> {
  const params = { path: { execution_id: executionId, n } }
  return answered(http.GET('/api/executions/{execution_id}/sources/{n}', { params }))
}
