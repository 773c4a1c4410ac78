/** Agents, as REST tells of them. */
import { answered, done, http } from './http'
import { everyPage, LARGEST_PAGE, part } from './pages'
import type { Agent, AgentCreate, AgentPatch, Execution, Page } from './types'

export function listAgents(cursor: string | null = null, limit = 100): Promise<Page<Agent>> {
  return answered(http.GET('/api/agents', { params: { query: part(limit, cursor) } }))
}

/** Every agent, newest first. */
export function allAgents(): Promise<Agent[]> {
  return everyPage((cursor) => listAgents(cursor, LARGEST_PAGE))
}

/** The newest execution of each agent that was ever asked. */
export function latestExecutions(): Promise<Execution[]> {
  return everyPage((cursor) => {
    const query = { latest: true, ...part(LARGEST_PAGE, cursor) }
    return answered(http.GET('/api/executions', { params: { query } }))
  })
}

export function createAgent(agent: AgentCreate): Promise<Agent> {
  return answered(http.POST('/api/agents', { body: agent }))
}

export function getAgent(agentId: string): Promise<Agent> {
  return answered(http.GET('/api/agents/{agent_id}', { params: { path: { agent_id: agentId } } }))
}

export function changeAgent(agentId: string, patch: AgentPatch): Promise<Agent> {
  const params = { path: { agent_id: agentId } }
  return answered(http.PATCH('/api/agents/{agent_id}', { params, body: patch }))
}

/** It is asked even if the page is being left. */
export function deleteAgent(agentId: string): Promise<void> {
  const params = { path: { agent_id: agentId } }
  return done(http.DELETE('/api/agents/{agent_id}', { params, keepalive: true }))
}
