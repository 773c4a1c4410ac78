/** What a new instance can be asked, and asking it in one click. */
import { v4 as uuid } from 'uuid'
import { ref, shallowRef, watch } from 'vue'
import { useRouter } from 'vue-router'

import * as api from '@/api/client'
import { asProblem, type ApiProblem } from '@/api/problems'
import type { Agent } from '@/api/types'

import { exampleQuestions } from './exampleQuestions'

const EXTRACTIVE = 'extractive'

export function useFirstQuestions(agent: () => Agent) {
  const router = useRouter()
  /** Null until it is known whether there is anything to ask about. */
  const questions = shallowRef<string[] | null>(null)
  const isQuoting = ref(false)
  const problem = shallowRef<ApiProblem | null>(null)
  /** The question that is on its way. */
  const asked = ref<string | null>(null)

  async function load(): Promise<void> {
    const { collection, generator } = agent()
    try {
      const [documents, system] = await Promise.all([
        api.listDocuments({ collection, q: '' }, null),
        api.getSystem(),
      ])
      questions.value = exampleQuestions(documents.items)
      isQuoting.value = (generator ?? system.generator) === EXTRACTIVE
      problem.value = null
    } catch (error) {
      problem.value = asProblem(error)
    }
  }

  async function ask(question: string): Promise<void> {
    if (asked.value !== null) {
      return
    }
    asked.value = question
    const { id } = agent()
    try {
      const execution = await api.startExecution(id, { query: question }, uuid())
      await router.push({ name: 'agent', params: { id }, query: { execution: execution.id } })
    } catch (error) {
      problem.value = asProblem(error)
    } finally {
      asked.value = null
    }
  }

  watch(() => agent().id, load, { immediate: true })
  return { questions, isQuoting, problem, asked, load, ask }
}
