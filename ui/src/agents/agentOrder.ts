/** Which agents are shown, and in which order. */
import type { Agent, Execution } from '@/api/types'
import { comparable } from '@/layout/comparable'

export const ORDERS = { used: 'Last used', name: 'Name', newest: 'Newest' } as const
export type AgentOrder = keyof typeof ORDERS

export function isOrder(value: unknown): value is AgentOrder {
  return typeof value === 'string' && Object.hasOwn(ORDERS, value)
}

const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' })

/** Those of which every word that was typed is somewhere in what the row says. */
export function matching(agents: readonly Agent[], typed: string): Agent[] {
  const words = comparable(typed).split(/\s+/).filter(Boolean)
  return agents.filter((agent) => {
    const said = comparable(
      [agent.name, agent.description, agent.collection, agent.generator ?? ''].join('\n'),
    )
    return words.every((word) => said.includes(word))
  })
}

export function ordered(
  agents: readonly Agent[],
  order: AgentOrder,
  latest: ReadonlyMap<string, Execution>,
): Agent[] {
  const used = ({ id, created_at }: Agent) => latest.get(id)?.created_at ?? created_at
  const newerFirst = (one: string, other: string) => (one < other ? 1 : one > other ? -1 : 0)
  const compare = {
    used: (one: Agent, other: Agent) => newerFirst(used(one), used(other)),
    name: (one: Agent, other: Agent) => collator.compare(one.name, other.name),
    newest: (one: Agent, other: Agent) => newerFirst(one.id, other.id),
  }
  return [...agents].sort(compare[order])
}
