/** What a browser is called by the people who use it, from what it calls itself. */

/** The first that fits: most browsers also name those that they descend from. */
const BROWSERS: readonly [RegExp, string][] = [
  [/\b(Edg|EdgA|EdgiOS)\//, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\b(Firefox|FxiOS)\//, 'Firefox'],
  [/(Chrome|Chromium|CriOS)\//, 'Chrome'],
  [/\bVersion\/\S+ .*Safari\//, 'Safari'],
]

const SYSTEMS: readonly [RegExp, string][] = [
  [/\b(iPhone|iPad)\b/, 'iOS'],
  [/\bAndroid\b/, 'Android'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bWindows\b/, 'Windows'],
  [/\bMac OS X\b/, 'macOS'],
  [/\b(Linux|X11)\b/, 'Linux'],
]

/** `Firefox on Linux`, or the name that a program gives itself. */
export function browserName(userAgent: string | null): string {
  if (userAgent === null) {
    return 'Unknown browser'
  }
  const browser = first(BROWSERS, userAgent) ?? userAgent.split(/[/\s]/, 1)[0] ?? ''
  const system = first(SYSTEMS, userAgent)
  return system === null ? browser || 'Unknown browser' : `${browser || 'Unknown browser'} on ${system}`
}

function first(names: readonly [RegExp, string][], userAgent: string): string | null {
  return names.find(([sign]) => sign.test(userAgent))?.[1] ?? null
}
