/** The page's one listener for keys; it stays out of the way of who types, and of open dialogs. */
import { useEventListener } from '@vueuse/core'
import { createKeybindingsHandler } from 'tinykeys'
import { computed } from 'vue'

import { useShortcutStore, type Shortcut } from './shortcutStore'

const FIELDS =
  'input:not([type="checkbox"]), textarea, select, [contenteditable]:not([contenteditable="false"])'
const OPEN_DIALOGS = 'dialog[open], [role="dialog"][data-state="open"], [role="menu"][data-state="open"]'
/** Signs that are typed with Shift on one keyboard and without it on another. */
const SIGNS = ['/', '?']

export function useKeyboard(): void {
  const store = useShortcutStore()
  const handler = computed(() =>
    createKeybindingsHandler(
      Object.fromEntries([...store.current.values()].flatMap((shortcut) => bindings(shortcut))),
    ),
  )
  useEventListener(window, 'keydown', (event) => {
    if (!event.defaultPrevented && !event.isComposing && !event.repeat) {
      handler.value(event)
    }
  })
}

function bindings(shortcut: Shortcut): [string, (event: KeyboardEvent) => void][] {
  const run = (event: KeyboardEvent) => {
    if (shortcut.whileTyping === true || !isElsewhere(event)) {
      event.preventDefault()
      shortcut.run()
    }
  }
  const { keys } = shortcut
  return SIGNS.includes(keys)
    ? [
        [keys, run],
        [`Shift+${keys}`, run],
      ]
    : [[keys, run]]
}

/** Whether the key belongs to a field or a dialog rather than to the page. */
function isElsewhere(event: KeyboardEvent): boolean {
  const isInField = event.target instanceof Element && event.target.closest(FIELDS) !== null
  return isInField || document.querySelector(OPEN_DIALOGS) !== null
}
