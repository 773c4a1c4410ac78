/** Short words about what has just happened, and what can still be done about it. */
import { defineStore } from 'pinia'
import { ref } from 'vue'

export interface ToastAction {
  /** A verb: Undo, Try again, Open. */
  label: string
  run: () => unknown
}

export interface Toast {
  title: string
  detail?: string
  /** The code of an API problem. */
  code?: string
  tone?: 'plain' | 'good' | 'bad'
  action?: ToastAction
  /** How long it stays, in milliseconds; it waits while somebody reads it. */
  lasts?: number
}

export interface ShownToast extends Toast {
  id: number
  tone: NonNullable<Toast['tone']>
  lasts: number
}

const LASTS = 6_000
/** Who may still act needs the time to decide. */
const LASTS_WITH_ACTION = 10_000
const MOST = 4

export const useToastStore = defineStore('toasts', () => {
  const shown = ref<ShownToast[]>([])
  /** From the first toast on, what shows them is there. */
  const areUsed = ref(false)
  let lastId = 0

  /** Shows a toast; what it returns takes it away again. */
  function say(toast: Toast): () => void {
    areUsed.value = true
    lastId += 1
    const id = lastId
    const lasts = toast.action === undefined ? LASTS : LASTS_WITH_ACTION
    shown.value = [...shown.value, { tone: 'plain' as const, lasts, ...toast, id }].slice(-MOST)
    return () => {
      dismiss(id)
    }
  }

  function dismiss(id: number): void {
    shown.value = shown.value.filter((toast) => toast.id !== id)
  }

  return { shown, areUsed, say, dismiss }
})
