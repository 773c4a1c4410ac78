/** Browser notifications for executions that end while the page is hidden, if the user has asked for one. */
import { useEventListener } from '@vueuse/core'
import { defineStore } from 'pinia'
import { ref, shallowReactive, watch } from 'vue'
import { useRouter } from 'vue-router'

import * as api from '@/api/client'
import { asProblem, isPassing } from '@/api/problems'
import { isLive, type ExecutionStatus } from '@/api/types'
import { useExecutionsStore } from '@/executions/executionsStore'
import { questionOf } from '@/executions/executionExport'

const LOOK_EVERY = 5_000
const LONGEST_QUESTION = 120
const TITLES: Partial<Record<ExecutionStatus, string>> = {
  completed: 'The answer is ready',
  failed: 'The execution failed',
  stopped: 'The execution was stopped',
}

export const useEndNotificationStore = defineStore('endNotification', () => {
  const executions = useExecutionsStore()
  const router = useRouter()
  const permission = ref<NotificationPermission | null>(permissionNow())
  /** When the page was last hidden or lost the focus, in milliseconds since 1970. */
  const leftAt = ref(0)
  const awaited = shallowReactive(new Set<string>())
  let timer: ReturnType<typeof setInterval> | undefined

  const left = () => {
    leftAt.value = Date.now()
  }
  useEventListener(window, 'blur', left)
  useEventListener(document, 'visibilitychange', left)

  /** Asks the browser's permission if nobody has decided yet, so call it on a click only. */
  async function ask(executionId: string): Promise<void> {
    permission.value = await Notification.requestPermission()
    if (permission.value === 'granted') {
      awaited.add(executionId)
    }
  }

  function cancel(executionId: string): void {
    awaited.delete(executionId)
  }

  /** The page hears of an end at once while it shows the execution; elsewhere it has to ask. */
  watch(
    () => Array.from(awaited).filter((id) => !isLive(executions.views.get(id)?.status ?? 'running')),
    (ended) => {
      ended.forEach((id) => void look(id))
    },
  )
  watch(
    () => awaited.size > 0,
    (isAny) => {
      clearInterval(timer)
      if (isAny) {
        timer = setInterval(() => {
          awaited.forEach((id) => void look(id))
        }, LOOK_EVERY)
      }
    },
  )

  async function look(executionId: string): Promise<void> {
    try {
      const execution = await api.getExecution(executionId)
      // Two requests can find the same end, and the user may have cancelled meanwhile: only the first one notifies.
      if (!isLive(execution.status) && awaited.delete(executionId)) {
        notify(executionId, TITLES[execution.status] ?? '', questionOf(execution))
      }
    } catch (error) {
      if (!isPassing(asProblem(error))) {
        awaited.delete(executionId)
      }
    }
  }

  function notify(executionId: string, title: string, question: string): void {
    if (document.visibilityState === 'visible') {
      return
    }
    const notification = new Notification(title, {
      body: question.slice(0, LONGEST_QUESTION),
      tag: executionId,
    })
    notification.onclick = () => {
      window.focus()
      notification.close()
      void router.push({ name: 'execution', params: { id: executionId } })
    }
  }

  return { permission, leftAt, awaited, ask, cancel }
})

/** Null where a page cannot notify: without TLS, and on Android, where only service workers can. */
function permissionNow(): NotificationPermission | null {
  const canNotify = 'Notification' in window && !navigator.userAgent.includes('Android')
  return canNotify ? Notification.permission : null
}
