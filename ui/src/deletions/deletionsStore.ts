/** What was deleted a moment ago, and can still be brought back: the API is asked when the time for that is over. */
import { useEventListener } from '@vueuse/core'
import { defineStore } from 'pinia'
import { ref } from 'vue'

import { asProblem } from '@/api/problems'
import { useToastStore } from '@/toasts/toastStore'

const UNDO_WITHIN = 8_000

export interface Deletion {
  id: string
  /** What is deleted, as people call it. */
  name: string
  run: () => Promise<void>
}

export const useDeletionsStore = defineStore('deletions', () => {
  const toasts = useToastStore()
  /** What lists leave out: it is deleted, or is about to be. */
  const hidden = ref<ReadonlySet<string>>(new Set())
  const waiting = new Map<string, () => void>()

  function later(deletion: Deletion): void {
    const { id, name } = deletion
    hide(id)
    const takeAway = toasts.say({
      title: `“${name}” deleted`,
      action: { label: 'Undo', run: undo },
      lasts: UNDO_WITHIN,
    })
    const timer = setTimeout(doNow, UNDO_WITHIN)
    waiting.set(id, doNow)

    function doNow(): void {
      clearTimeout(timer)
      waiting.delete(id)
      takeAway()
      void now(deletion)
    }

    function undo(): void {
      clearTimeout(timer)
      waiting.delete(id)
      show(id)
    }
  }

  async function now(deletion: Deletion): Promise<void> {
    hide(deletion.id)
    try {
      await deletion.run()
    } catch (error) {
      const problem = asProblem(error)
      if (problem.status === 404) {
        return
      }
      show(deletion.id)
      toasts.say({
        title: `Could not delete “${deletion.name}”`,
        detail: problem.message,
        code: problem.code,
        tone: 'bad',
        action: { label: 'Try again', run: () => now(deletion) },
      })
    }
  }

  function hide(id: string): void {
    hidden.value = new Set(hidden.value).add(id)
  }

  function show(id: string): void {
    hidden.value = new Set([...hidden.value].filter((other) => other !== id))
  }

  // Who leaves means what was asked for.
  useEventListener(window, 'pagehide', () => {
    waiting.forEach((doNow) => {
      doNow()
    })
  })

  return { hidden, later }
})
