/** The form of a new or a changed agent: what is wrong with it, here and for the API, and how it is saved. */
import { computed, reactive, ref, shallowRef, watch } from 'vue'

import * as api from '@/api/client'
import { asProblem, type ApiProblem } from '@/api/problems'
import type { Agent } from '@/api/types'

import { faultsOf, requestOf, type AgentDraft, type Faults } from './agentDraft'

/** Without an id it is a new agent. */
export function useAgentForm(start: AgentDraft, agentId: string | null) {
  const draft = reactive<AgentDraft>({ ...start })
  const problem = shallowRef<ApiProblem | null>(null)
  const refused = shallowRef<Faults>({})
  const isSaving = ref(false)
  const wasTried = ref(false)
  const touched = reactive(new Set<string>())

  const wrong = computed(() => faultsOf(draft))
  /** What is wrong is said once its field has been left, or saving was tried. */
  const faults = computed<Faults>(() => ({
    ...refused.value,
    ...Object.fromEntries(
      Object.entries(wrong.value).filter(([field]) => wasTried.value || touched.has(field)),
    ),
  }))
  const isChanged = computed(() =>
    (Object.keys(start) as (keyof AgentDraft)[]).some((field) => draft[field] !== start[field]),
  )
  /** What the API says that belongs to no field. */
  const otherProblem = computed(() =>
    problem.value !== null && Object.keys(refused.value).every((field) => !(field in start))
      ? problem.value
      : null,
  )

  for (const field of Object.keys(start) as (keyof AgentDraft)[]) {
    watch(
      () => draft[field],
      (value) => {
        // A name that is being typed anew is not missing yet.
        if (field !== 'name' || value !== '') {
          touched.add(field)
        }
        refused.value = Object.fromEntries(Object.entries(refused.value).filter(([name]) => name !== field))
      },
    )
  }

  /** The agent as it is now, or null: the form says why. */
  async function save(): Promise<Agent | null> {
    wasTried.value = true
    if (isSaving.value || Object.keys(wrong.value).length > 0) {
      return null
    }
    isSaving.value = true
    problem.value = null
    try {
      const request = requestOf(draft)
      return await (agentId === null ? api.createAgent(request) : api.changeAgent(agentId, request))
    } catch (error) {
      problem.value = asProblem(error)
      refused.value = Object.fromEntries(
        problem.value.errors.map(({ location, message }) => [location.split('.')[1] ?? location, message]),
      )
      return null
    } finally {
      isSaving.value = false
    }
  }

  return { draft, faults, isChanged, isSaving, problem: otherProblem, touched, save }
}
