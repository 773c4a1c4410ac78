/** Light, dark, or as the system has it: a choice that this browser keeps. */
import { useLocalStorage } from '@vueuse/core'
import { defineStore } from 'pinia'
import { computed, watch } from 'vue'

export const THEMES = ['system', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]

export const useThemeStore = defineStore('theme', () => {
  // public/theme.js reads it before the first paint.
  const kept = useLocalStorage<string>('dynavera-theme', 'system', { writeDefaults: false })
  const theme = computed<Theme>({
    get: () => THEMES.find((known) => known === kept.value) ?? 'system',
    set: (chosen) => {
      kept.value = chosen
    },
  })
  watch(theme, show, { immediate: true })

  return { theme }
})

function show(theme: Theme): void {
  if (theme === 'system') {
    delete document.documentElement.dataset.theme
  } else {
    document.documentElement.dataset.theme = theme
  }
  for (const bar of document.querySelectorAll<HTMLMetaElement>('meta[name="theme-color"]')) {
    bar.dataset.scheme ??= bar.media.includes('dark') ? 'dark' : 'light'
    const ofSystem = `(prefers-color-scheme: ${bar.dataset.scheme})`
    const chosen = bar.dataset.scheme === theme ? 'all' : 'not all'
    bar.media = theme === 'system' ? ofSystem : chosen
  }
}
