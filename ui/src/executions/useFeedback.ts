/** Feedback on one execution: what is known of it, and how it is given and removed. */
import { computed, ref, shallowRef, type ComputedRef, type Ref, type ShallowRef } from 'vue'

import * as api from '@/api/client'
import { asProblem, type ApiProblem } from '@/api/problems'
import type { Execution, Feedback } from '@/api/types'

import { useFeedbackStore } from './feedbackStore'

export interface GivenFeedback {
  feedback: ComputedRef<Feedback | null>
  problem: ShallowRef<ApiProblem | null>
  isBusy: Ref<boolean>
  /** A blank note is none. */
  give: (verdict: Feedback['verdict'], note: string) => Promise<void>
  remove: () => Promise<void>
}

export function useFeedback(executionId: () => string, known: () => Feedback | null): GivenFeedback {
  const { changed } = useFeedbackStore()
  const problem = shallowRef<ApiProblem | null>(null)
  const isBusy = ref(false)
  const feedback = computed(() => {
    const newer = changed.get(executionId())
    return newer === undefined ? known() : newer
  })

  async function change(ask: (id: string) => Promise<Execution>): Promise<void> {
    const id = executionId()
    isBusy.value = true
    try {
      changed.set(id, (await ask(id)).feedback ?? null)
      problem.value = null
    } catch (error) {
      problem.value = asProblem(error)
    } finally {
      isBusy.value = false
    }
  }

  function give(verdict: Feedback['verdict'], note: string): Promise<void> {
    return change((id) => api.giveFeedback(id, verdict, note.trim() || null))
  }

  function remove(): Promise<void> {
    return change(api.removeFeedback)
  }

  return { feedback, problem, isBusy, give, remove }
}
