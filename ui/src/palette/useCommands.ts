/** All that the palette offers for what is typed. */
import { Bot, History, MessageCircleQuestion } from '@lucide/vue'
import { computed, type ComputedRef, type Ref } from 'vue'
import { useRouter } from 'vue-router'

import type { ApiProblem } from '@/api/problems'
import type { Agent, Execution } from '@/api/types'
import { questionOf } from '@/executions/executionExport'
import { ago } from '@/executions/times'

import { fitting, type Command, type CommandGroup } from './commands'
import { useFixedCommands } from './useFixedCommands'
import { useFound } from './useFound'

const MOST_AGENTS = 6
const MOST_TO_ASK = 3
const SHORTEST_QUESTION = 3

export interface PaletteCommands {
  groups: ComputedRef<CommandGroup[]>
  problem: Readonly<Ref<ApiProblem | null>>
  isReading: Readonly<Ref<boolean>>
}

export function useCommands(typed: Readonly<Ref<string>>): PaletteCommands {
  const router = useRouter()
  const { agents, executions, problem, isReading } = useFound(typed)
  const { places, actions } = useFixedCommands()

  const visiting = (agent: Agent): Command => ({
    id: `agent:${agent.id}`,
    label: agent.name,
    words: agent.description,
    icon: Bot,
    note: agent.status === 'running' ? 'running' : undefined,
    run: () => router.push({ name: 'agent', params: { id: agent.id } }),
  })

  const showing = (execution: Execution): Command => ({
    id: `execution:${execution.id}`,
    label: questionOf(execution) || 'No question',
    icon: History,
    note: `${execution.status}, ${ago(execution.created_at, Date.now())}`,
    run: () => router.push({ name: 'execution', params: { id: execution.id } }),
  })

  const asking = (agent: Agent, question: string): Command => ({
    id: `ask:${agent.id}`,
    label: `Ask ${agent.name}: ${question}`,
    icon: MessageCircleQuestion,
    run: () => router.push({ name: 'agent', params: { id: agent.id }, query: { question } }),
  })

  const groups = computed(() => {
    const question = typed.value.trim()
    const asked = question.length < SHORTEST_QUESTION ? [] : agents.value.slice(0, MOST_TO_ASK)
    return [
      { name: 'Agents', commands: fitting(agents.value.map(visiting), question).slice(0, MOST_AGENTS) },
      { name: 'Pages', commands: fitting(places, question) },
      // The API has found them by what is typed.
      { name: question === '' ? 'Recent executions' : 'Executions', commands: executions.value.map(showing) },
      { name: 'Ask', commands: asked.map((agent) => asking(agent, question)) },
      { name: 'Actions', commands: fitting(actions, question) },
    ].filter(({ commands }) => commands.length > 0)
  })
  return { groups, problem, isReading }
}
