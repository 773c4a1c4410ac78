/** All that the palette offers for what is typed. */
import {
  CirclePlus,
  Bot,
  History,
  Keyboard,
  LogOut,
  MessageCircleQuestion,
  Monitor,
  Moon,
  Sun,
} from '@lucide/vue'
import { computed, type ComputedRef, type Ref } from 'vue'
import { useRouter } from 'vue-router'

import type { Agent } from '@/api/types'
import { ago } from '@/executions/times'
import { DESTINATIONS } from '@/layout/destinations'
import { useLogout } from '@/session/useLogout'
import { useShortcutHelpStore } from '@/shortcuts/shortcutHelpStore'
import { useThemeStore } from '@/theme/themeStore'

import { fitting, type Command, type CommandGroup } from './commands'
import { useFound } from './useFound'

const MOST_AGENTS = 6
const MOST_TO_ASK = 3

export function useCommands(typed: Readonly<Ref<string>>) {
  const router = useRouter()
  const { agents, executions, problem, isReading } = useFound(typed)
  const actions = useActions()

  const places: Command[] = DESTINATIONS.map(({ name, label, icon, keys }) => ({
    id: `go:${name}`,
    label,
    words: 'go to page',
    icon,
    keys,
    run: () => router.push({ name }),
  }))

  const foundAgents = computed(() =>
    agents.value.map((agent): Command => ({
      id: `agent:${agent.id}`,
      label: agent.name,
      words: agent.description,
      icon: Bot,
      note: agent.status === 'running' ? 'Running' : undefined,
      run: () => router.push({ name: 'agent', params: { id: agent.id } }),
    })),
  )

  const foundExecutions = computed(() =>
    executions.value.map((execution): Command => ({
      id: `execution:${execution.id}`,
      label: questionOf(execution.input_data),
      icon: History,
      note: `${execution.status}, ${ago(execution.created_at, Date.now())}`,
      run: () => router.push({ name: 'execution', params: { id: execution.id } }),
    })),
  )

  const questions = computed(() => {
    const question = typed.value.trim()
    return question.length < 3
      ? []
      : agents.value.slice(0, MOST_TO_ASK).map((agent) => asking(agent, question))
  })

  function asking(agent: Agent, question: string): Command {
    return {
      id: `ask:${agent.id}`,
      label: `Ask ${agent.name}: ${question}`,
      icon: MessageCircleQuestion,
      run: () => router.push({ name: 'agent', params: { id: agent.id }, query: { question } }),
    }
  }

  const groups: ComputedRef<CommandGroup[]> = computed(() => [
    ...fitting(
      [
        { name: 'Pages', commands: places },
        { name: 'Agents', commands: foundAgents.value },
        { name: 'Actions', commands: actions },
      ],
      typed.value,
    ).map((group) =>
      group.name === 'Agents' ? { ...group, commands: group.commands.slice(0, MOST_AGENTS) } : group,
    ),
    ...[
      {
        name: typed.value.trim() === '' ? 'Recent executions' : 'Executions',
        commands: foundExecutions.value,
      },
      { name: 'Ask', commands: questions.value },
    ].filter(({ commands }) => commands.length > 0),
  ])
  return { groups, problem, isReading }
}

function useActions(): Command[] {
  const router = useRouter()
  const theme = useThemeStore()
  const help = useShortcutHelpStore()
  const logout = useLogout()
  const themed = (chosen: typeof theme.theme) => () => {
    theme.theme = chosen
  }

  return [
    {
      id: 'new-agent',
      label: 'New agent',
      words: 'create',
      icon: CirclePlus,
      run: () => router.push({ name: 'agents', query: { new: 'agent' } }),
    },
    { id: 'light', label: 'Theme: light', icon: Sun, run: themed('light') },
    { id: 'dark', label: 'Theme: dark', icon: Moon, run: themed('dark') },
    { id: 'system', label: 'Theme: as the system', icon: Monitor, run: themed('system') },
    { id: 'keys', label: 'Keyboard', words: 'shortcuts help', icon: Keyboard, keys: '?', run: help.open },
    { id: 'logout', label: 'Log out', words: 'sign', icon: LogOut, run: logout },
  ]
}

function questionOf(input: Record<string, unknown>): string {
  return typeof input.query === 'string' ? input.query : JSON.stringify(input)
}
