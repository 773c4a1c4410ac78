/** Who is logged in, in this browser. */
import { defineStore } from 'pinia'
import { ref } from 'vue'

import * as api from '@/api/client'
import { asProblem } from '@/api/problems'
import type { User } from '@/api/types'

export const useSessionStore = defineStore('session', () => {
  const user = ref<User | null>(null)
  /** Counts how often the API stopped knowing this browser; the router leads to the log-in page then. */
  const expiries = ref(0)

  api.whenUnauthenticated(expire)

  function expire(): void {
    user.value = null
    expiries.value += 1
  }

  /** Asks the API who this is; without a session the answer leads to the log-in page. */
  async function recognise(): Promise<void> {
    try {
      user.value = await api.me()
    } catch (error) {
      // Each page says itself what it could not read; the header only leaves the name out.
      asProblem(error)
    }
  }

  async function login(credential: { code: string } | { api_key: string }): Promise<void> {
    await api.login(credential)
    await recognise()
  }

  async function logout(): Promise<void> {
    await api.logout()
    expire()
  }

  return { user, expiries, expire, recognise, login, logout }
})
