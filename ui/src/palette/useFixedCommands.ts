/** What the palette offers whatever there is: places to go to, and actions. */
import { CirclePlus, Keyboard, LogOut, Monitor, Moon, Sun } from '@lucide/vue'
import { useRouter } from 'vue-router'

import { DESTINATIONS } from '@/layout/destinations'
import { useLogout } from '@/session/useLogout'
import { useShortcutHelpStore } from '@/shortcuts/shortcutHelpStore'
import { useThemeStore, type Theme } from '@/theme/themeStore'

import type { Command } from './commands'

export function useFixedCommands(): { places: Command[]; actions: Command[] } {
  const router = useRouter()
  const theme = useThemeStore()
  const help = useShortcutHelpStore()
  const logout = useLogout()

  const places = DESTINATIONS.map(({ name, label, icon, keys }): Command => ({
    id: `go:${name}`,
    label,
    words: 'go to page',
    icon,
    keys,
    run: () => router.push({ name }),
  }))

  const choosing = (chosen: Theme) => () => {
    theme.theme = chosen
  }
  const createAgent = () => router.push({ name: 'agents', query: { new: 'agent' } })
  const actions: Command[] = [
    { id: 'new-agent', label: 'New agent', words: 'create add', icon: CirclePlus, run: createAgent },
    { id: 'light', label: 'Light theme', icon: Sun, run: choosing('light') },
    { id: 'dark', label: 'Dark theme', icon: Moon, run: choosing('dark') },
    { id: 'system', label: 'System theme', icon: Monitor, run: choosing('system') },
    {
      id: 'keys',
      label: 'Keyboard shortcuts',
      words: 'keys help',
      icon: Keyboard,
      keys: '?',
      run: help.open,
    },
    { id: 'logout', label: 'Log out', words: 'leave sign', icon: LogOut, run: logout },
  ]
  return { places, actions }
}
