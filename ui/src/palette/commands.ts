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
}

/** Every word that is typed is somewhere in a command that fits; what begins with it comes first. */
export function fitting(commands: Command[], typed: string): Command[] {
  const whole = folded(typed).trim()
  const wanted = whole.split(/\s+/).filter(Boolean)
  const fits = ({ label, words = '' }: Command) => {
    const text = folded(`${label} ${words}`)
    return wanted.every((word) => text.includes(word))
  }
  const begins = ({ label }: Command) => (folded(label).startsWith(whole) ? 0 : 1)
  return commands.filter(fits).sort((one, other) => begins(one) - begins(other))
}

/** Without case and accents. */
function folded(text: string): string {
  return text.normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase()
}
