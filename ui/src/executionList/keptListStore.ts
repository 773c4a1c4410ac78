/** The list of executions as it was left, for who comes back to it. */
import { defineStore } from 'pinia'
import { shallowRef } from 'vue'

import type { Execution } from '@/api/types'

export interface KeptList {
  /** What was asked for. */
  readonly asked: string
  readonly items: Execution[]
  readonly cursor: string | null
}

export const useKeptListStore = defineStore('keptList', () => ({ kept: shallowRef<KeptList | null>(null) }))
