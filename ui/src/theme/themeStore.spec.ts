import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { nextTick } from 'vue'

import { useThemeStore } from './themeStore'

const bars = () =>
  Array.from(document.querySelectorAll<HTMLMetaElement>('meta[name="theme-color"]'), ({ media }) => media)

beforeEach(() => {
  setActivePinia(createPinia())
  localStorage.clear()
  for (const scheme of ['light', 'dark']) {
    const bar = document.createElement('meta')
    bar.name = 'theme-color'
    bar.media = `(prefers-color-scheme: ${scheme})`
    document.head.append(bar)
  }
})

afterEach(() => {
  document.head.replaceChildren()
  delete document.documentElement.dataset.theme
})

describe('the theme', () => {
  test('is the system’s until somebody chooses, and nothing is kept of that', () => {
    const store = useThemeStore()

    expect(store.theme).toBe('system')
    expect(document.documentElement.dataset.theme).toBeUndefined()
    expect(localStorage.getItem('dynavera-theme')).toBeNull()
  })

  test('that is chosen is shown, on the browser’s own bar too, and kept', async () => {
    const store = useThemeStore()

    store.theme = 'dark'
    await nextTick()

    expect(document.documentElement.dataset.theme).toBe('dark')
    expect(bars()).toEqual(['not all', 'all'])
    expect(localStorage.getItem('dynavera-theme')).toBe('dark')
  })

  test('goes back to the system’s', async () => {
    const store = useThemeStore()
    store.theme = 'light'
    await nextTick()

    store.theme = 'system'
    await nextTick()

    expect(document.documentElement.dataset.theme).toBeUndefined()
    expect(bars()).toEqual(['(prefers-color-scheme: light)', '(prefers-color-scheme: dark)'])
  })

  test('that nobody knows counts as none', () => {
    localStorage.setItem('dynavera-theme', 'sepia')

    expect(useThemeStore().theme).toBe('system')
  })
})
