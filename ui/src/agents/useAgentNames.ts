/** The names of all agents, by their ids. */
import { shallowRef, type ShallowRef } from 'vue'

import * as api from '@/api/client'
import { asProblem } from '@/api/problems'

/** Null until they are known; without them a list shows what else it has. */
export function useAgentNames(): ShallowRef<ReadonlyMap<string, string> | null> {
  const names = shallowRef<ReadonlyMap<string, string> | null>(null)

  async function read(): Promise<void> {
    names.value = new Map((await api.allAgents()).map(({ id, name }) => [id, name]))
  }

  // What is in the way is said by what the page is about.
  read().catch(asProblem)
  return names
}
