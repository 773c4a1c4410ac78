/** What the palette can do, and which of it fits what is typed. */
import type { Component } from 'vue'

export interface Command {
  id: string
  label: string
  /** What else it is known by. */
  words?: string
  icon: Component
  /** Said at its end: a status, a time. */
  note?: string
  keys?: string
  run: () => unknown
}

export interface CommandGroup {
  name: string
  commands: Command[]
  /** Found elsewhere by what is typed, so nothing of it is left out here. */
  isFound?: boolean
}

/** The groups with what fits: every word that is typed is somewhere in a command. */
export function fitting(groups: CommandGroup[], typed: string): CommandGroup[] {
  const wanted = folded(typed).split(/\s+/).filter(Boolean)
  const fits = ({ label, words = '' }: Command) => {
    const text = folded(`${label} ${words}`)
    return wanted.every((word) => text.includes(word))
  }
  return groups
    .map((group) => (group.isFound === true ? group : { ...group, commands: group.commands.filter(fits) }))
    .filter(({ commands }) => commands.length > 0)
}

/** Without case and accents. */
function folded(text: string): string {
  return text.normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase()
}
