/** All agents with the last execution of each, live: wherever something is started, changed or ended. */
import { onScopeDispose, shallowRef, type ShallowRef } from 'vue'

import * as api from '@/api/client'
import { asProblem, type ApiProblem } from '@/api/problems'
import { isLive, type Agent, type Execution } from '@/api/types'
import { useExecutionChanges } from '@/live/useExecutionChanges'

/** Many changes at once are one reading. */
const READ_AFTER = 200

export interface LiveAgents {
  /** Newest first; null until the first answer. */
  agents: ShallowRef<Agent[] | null>
  /** By agent; null until the first answer. */
  latest: ShallowRef<ReadonlyMap<string, Execution> | null>
  problem: ShallowRef<ApiProblem | null>
  refresh: () => Promise<void>
  /** Shows what an agent is now. */
  put: (agent: Agent) => void
}

export function useAgents(): LiveAgents {
  const agents = shallowRef<Agent[] | null>(null)
  const latest = shallowRef<ReadonlyMap<string, Execution> | null>(null)
  const problem = shallowRef<ApiProblem | null>(null)
  const outdated = new Set<string>()
  let timer: ReturnType<typeof setTimeout> | undefined
  let turn = 0

  async function refresh(): Promise<void> {
    const mine = (turn += 1)
    try {
      const [found, executions] = await Promise.all([api.allAgents(), api.latestExecutions()])
      if (mine === turn) {
        agents.value = found
        latest.value = new Map(executions.map((execution) => [execution.agent_id, execution]))
        problem.value = null
      }
    } catch (error) {
      const found = asProblem(error)
      if (mine === turn) {
        problem.value = found
      }
    }
  }

  function put(agent: Agent): void {
    const known = agents.value?.some(({ id }) => id === agent.id) ?? false
    agents.value = known
      ? (agents.value?.map((other) => (other.id === agent.id ? agent : other)) ?? null)
      : [agent, ...(agents.value ?? [])]
  }

  function changed(execution: Execution): void {
    const agentId = execution.agent_id
    const known = latest.value?.get(agentId)
    if (latest.value !== null && (known === undefined || known.id <= execution.id)) {
      latest.value = new Map(latest.value).set(agentId, execution)
    }
    const agent = agents.value?.find(({ id }) => id === agentId)
    if (agent !== undefined && isLive(execution.status)) {
      put({ ...agent, status: 'running' })
    } else {
      // Another of its executions may still run, and one that nobody here knows may be new.
      outdated.add(agentId)
      timer ??= setTimeout(() => void readOutdated(), READ_AFTER)
    }
  }

  async function readOutdated(): Promise<void> {
    timer = undefined
    const wanted = [...outdated]
    outdated.clear()
    try {
      ;(await Promise.all(wanted.map((id) => api.getAgent(id)))).forEach(put)
    } catch (error) {
      if (asProblem(error).status === 404) {
        await refresh()
      }
    }
  }

  useExecutionChanges({ opened: () => void refresh(), changed })
  onScopeDispose(() => {
    clearTimeout(timer)
    turn = Infinity
  })
  void refresh()
  return { agents, latest, problem, refresh, put }
}
