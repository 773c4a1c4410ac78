/** Logging in, by the code of a link or by an API key, and going on to where one was. */
import { ref, shallowRef } from 'vue'
import { useRoute, useRouter } from 'vue-router'

import { asProblem, type ApiProblem } from '@/api/problems'

import { useSessionStore } from './sessionStore'

export function useLogin() {
  const session = useSessionStore()
  const route = useRoute()
  const router = useRouter()
  const problem = shallowRef<ApiProblem | null>(null)
  const isBusy = ref(false)

  async function enter(credential: { code: string } | { api_key: string }): Promise<void> {
    isBusy.value = true
    problem.value = null
    try {
      await session.login(credential)
      await router.replace(destination(route.query.next))
    } catch (error) {
      problem.value = asProblem(error)
    } finally {
      isBusy.value = false
    }
  }

  /** The code is good for one use, so it leaves the address before it is used. */
  async function enterByFragment(): Promise<void> {
    const code = new URLSearchParams(route.hash.slice(1)).get('code')
    if (code !== null && code !== '') {
      await router.replace({ query: route.query, hash: '' })
      await enter({ code })
      if (problem.value !== null) {
        await enterAnyway()
      }
    }
  }

  /** A link that was used before leads who is logged in to where they wanted to be. */
  async function enterAnyway(): Promise<void> {
    await session.recognise()
    if (session.user !== null) {
      await router.replace(destination(route.query.next))
    }
  }

  return { problem, isBusy, enter, enterByFragment }
}

/** Only addresses of this UI: a link must not lead a person who has just logged in elsewhere. */
export function destination(next: unknown): string {
  return typeof next === 'string' && /^\/(?![/\\])/.test(next) ? next : '/'
}
