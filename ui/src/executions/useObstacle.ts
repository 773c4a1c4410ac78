/** What keeps a live execution from going on: asked for while its log is silent. */
import { onScopeDispose, ref, watch, type Ref } from 'vue'

import * as api from '@/api/client'
import { asProblem } from '@/api/problems'
import { isLive } from '@/api/types'

import type { ExecutionView } from './executionView'

const SILENCE = 10_000

export function useObstacle(view: () => ExecutionView): Ref<string | null> {
  const obstacle = ref<string | null>(null)
  let timer: ReturnType<typeof setInterval> | undefined

  async function look(): Promise<void> {
    try {
      obstacle.value = (await api.getExecution(view().executionId)).error_message
    } catch (error) {
      // That the API is away is shown in the page's frame; anything else is a fault.
      asProblem(error)
    }
  }

  watch(
    () => [view().executionId, view().sequence, isLive(view().status)],
    () => {
      clearInterval(timer)
      obstacle.value = null
      if (isLive(view().status)) {
        timer = setInterval(() => void look(), SILENCE)
      }
    },
    { immediate: true },
  )
  onScopeDispose(() => {
    clearInterval(timer)
  })
  return obstacle
}
