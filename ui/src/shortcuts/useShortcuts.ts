/** Keys that do something as long as the component that names them is there. */
import { onScopeDispose } from 'vue'

import { useShortcutStore, type Shortcut } from './shortcutStore'

export function useShortcuts(...shortcuts: Shortcut[]): void {
  onScopeDispose(useShortcutStore().register(shortcuts))
}
