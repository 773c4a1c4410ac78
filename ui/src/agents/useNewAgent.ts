/** A new agent being filled in: its fields, and what the API says against them. */
import { computed, ref, shallowRef } from 'vue'

import * as api from '@/api/client'
import { asProblem, type ApiProblem } from '@/api/problems'
import type { Agent, AgentCreate } from '@/api/types'

export type AgentDraft = Required<Omit<AgentCreate, 'generator'>> & { generator: string }

export function useNewAgent() {
  const draft = ref<AgentDraft>({
    name: '',
    description: '',
    instructions: '',
    generator: '',
    collection: 'default',
    top_k: 4,
    max_tokens: 200,
    temperature: 0.2,
  })
  const problem = shallowRef<ApiProblem | null>(null)
  const isSaving = ref(false)

  /** By field name, as in `body.name`. */
  const faults = computed<Partial<Record<string, string>>>(() =>
    Object.fromEntries(
      (problem.value?.errors ?? []).map(({ location, message }) => [
        location.split('.')[1] ?? location,
        message,
      ]),
    ),
  )

  async function create(): Promise<Agent | null> {
    isSaving.value = true
    problem.value = null
    try {
      const generator = draft.value.generator.trim()
      return await api.createAgent({ ...draft.value, generator: generator === '' ? null : generator })
    } catch (error) {
      problem.value = asProblem(error)
      return null
    } finally {
      isSaving.value = false
    }
  }

  return { draft, problem, faults, isSaving, create }
}
