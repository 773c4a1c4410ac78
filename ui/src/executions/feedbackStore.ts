/** Feedback that was given or removed here, by the execution's id; it is newer than what was read before. */
import { defineStore } from 'pinia'
import { shallowReactive } from 'vue'

import type { Feedback } from '@/api/types'

export const useFeedbackStore = defineStore('feedback', () => {
  const changed = shallowReactive(new Map<string, Feedback | null>())
  return { changed }
})
