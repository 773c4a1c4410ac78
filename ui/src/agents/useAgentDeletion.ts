/** Deleting an agent: at once and with Undo while nothing was asked, after a question where executions go with it. */
import { ref, shallowRef } from 'vue'

import * as api from '@/api/client'
import { asProblem, type ApiProblem } from '@/api/problems'
import type { Agent, Execution } from '@/api/types'
import { useDeletionsStore } from '@/deletions/deletionsStore'
import { useToastStore } from '@/toasts/toastStore'

export function useAgentDeletion(agent: Agent, onDeleted: () => void) {
  const toasts = useToastStore()
  const problem = shallowRef<ApiProblem | null>(null)
  /** What keeps the agent from being deleted. */
  const live = shallowRef<Execution[]>([])
  const isDeleting = ref(false)

  async function deleteNow(): Promise<void> {
    isDeleting.value = true
    try {
      await api.deleteAgent(agent.id)
      toasts.say({ title: `“${agent.name}” deleted` })
      onDeleted()
    } catch (error) {
      problem.value = asProblem(error)
      if (problem.value.status === 409) {
        live.value = await executionsInTheWay()
      }
    } finally {
      isDeleting.value = false
    }
  }

  /** Without them the words of the refusal say enough. */
  async function executionsInTheWay(): Promise<Execution[]> {
    try {
      const found = await Promise.all(
        (['running', 'queued'] as const).map((status) =>
          api.findExecutions({ agent_id: agent.id, status }, null, 5),
        ),
      )
      return found.flatMap(({ items }) => items)
    } catch (error) {
      asProblem(error)
      return []
    }
  }

  return { problem, live, isDeleting, deleteNow }
}

export function useUndoableAgentDeletion(): (agent: Agent) => void {
  const deletions = useDeletionsStore()
  return ({ id, name }) => {
    deletions.later({ id, name, run: () => api.deleteAgent(id) })
  }
}
