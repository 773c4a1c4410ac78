/** Which keys do what, on the page as it is now. */
import { defineStore } from 'pinia'
import { computed, shallowReactive } from 'vue'

export interface Shortcut {
  /** As tinykeys writes them: `$mod+k`, `g a`, `/`. */
  keys: string
  /** What it does, for the list behind `?`. */
  does: string
  group: 'Everywhere' | 'Go to' | 'This page'
  run: () => unknown
  /** Only for what nobody can mean to type. */
  whileTyping?: boolean
}

export const useShortcutStore = defineStore('shortcuts', () => {
  const registered = shallowReactive(new Set<Shortcut>())

  /** By keys; of two with the same keys the later one counts. */
  const current = computed(() => new Map(Array.from(registered, (shortcut) => [shortcut.keys, shortcut])))

  function register(shortcuts: Shortcut[]): () => void {
    shortcuts.forEach((shortcut) => registered.add(shortcut))
    return () => {
      shortcuts.forEach((shortcut) => registered.delete(shortcut))
    }
  }

  return { current, register }
})
