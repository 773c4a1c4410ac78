/** The keys that work on every page. */
import { watch, type Ref } from 'vue'
import { useRouter } from 'vue-router'

import { DESTINATIONS } from '@/layout/destinations'
import { usePaletteStore } from '@/palette/paletteStore'

import { useShortcutHelpStore } from './shortcutHelpStore'
import { useShortcutStore, type Shortcut } from './shortcutStore'
import { useKeyboard } from './useKeyboard'

export function useAppShortcuts(isInside: Readonly<Ref<boolean>>): void {
  const router = useRouter()
  const palette = usePaletteStore()
  const help = useShortcutHelpStore()
  const shortcuts = useShortcutStore()
  const everywhere: Shortcut[] = [
    { keys: '$mod+k', does: 'Search or go to…', group: 'Everywhere', run: palette.open, whileTyping: true },
    { keys: '/', does: 'Search or ask on this page', group: 'Everywhere', run: focusFieldOrSearch },
    { keys: '?', does: 'Keyboard shortcuts', group: 'Everywhere', run: help.open },
    ...DESTINATIONS.map(({ keys, label, name }): Shortcut => ({
      keys,
      does: label,
      group: 'Go to',
      run: () => router.push({ name }),
    })),
  ]

  function focusFieldOrSearch(): void {
    if (!focusField()) {
      palette.open()
    }
  }

  useKeyboard()
  watch(
    isInside,
    (inside, _before, onCleanup) => {
      if (inside) {
        onCleanup(shortcuts.register(everywhere))
      }
    },
    { immediate: true },
  )
}

/** The field that says by `aria-keyshortcuts` that it is the one. */
function focusField(): boolean {
  const field = document.querySelector<HTMLElement>('main [aria-keyshortcuts="/"]')
  field?.focus()
  return field !== null
}
