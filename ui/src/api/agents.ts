/** Agents, as REST tells of them. */
import { answered, http } from './http'
import type { Agent, AgentCreate, Page } from './types'

export function listAgents(cursor: string | null = null): Promise<Page<Agent>> {
  return answered(http.GET('/api/agents', { params: { query: { limit: 100, cursor } } }))
}

export function createAgent(agent: AgentCreate): Promise<Agent> {
  return answered(http.POST('/api/agents', { body: agent }))
}

export function getAgent(agentId: string): Promise<Agent> {
  return answered(http.GET('/api/agents/{agent_id}', { params: { path: { agent_id: agentId } } }))
}
