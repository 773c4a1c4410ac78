/** Whether the list of keys is open. */
import { defineStore } from 'pinia'
import { ref } from 'vue'

export const useShortcutHelpStore = defineStore('shortcutHelp', () => {
  const isOpen = ref(false)

  function open(): void {
    isOpen.value = true
  }

  return { isOpen, open }
})
