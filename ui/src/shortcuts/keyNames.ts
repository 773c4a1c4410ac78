/** How keys are written for people: `$mod+k` is ⌘K on a Mac and Ctrl K elsewhere. */
const IS_APPLE = /Macintosh|iPhone|iPad/.test(navigator.userAgent)

const NAMES: Partial<Record<string, string>> = {
  $mod: IS_APPLE ? '⌘' : 'Ctrl',
  Shift: IS_APPLE ? '⇧' : 'Shift',
  Escape: 'Esc',
}

/** The presses one after the other, each with its keys. */
export function presses(keys: string): string[][] {
  return keys
    .split(' ')
    .map((press) => press.split('+').map((key) => NAMES[key] ?? (key.length === 1 ? key.toUpperCase() : key)))
}
