/** Whether the palette is open. */
import { defineStore } from 'pinia'
import { ref } from 'vue'

export const usePaletteStore = defineStore('palette', () => {
  const isOpen = ref(false)

  function open(): void {
    isOpen.value = true
  }

  return { isOpen, open }
})
