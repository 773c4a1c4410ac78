/** Times as a person reads them. */

/** From a start to a later moment: `0.34 s`, `12.4 s`, `3 min 7 s`, `1 h 2 min`. */
export function elapsed(from: string, to: string): string {
  return duration(Math.max(0, Date.parse(to) - Date.parse(from)))
}

export function duration(milliseconds: number): string {
  const seconds = milliseconds / 1000
  if (seconds < 59.95) {
    return `${seconds.toFixed(seconds < 0.995 ? 2 : 1)} s`
  }
  return wholeSeconds(milliseconds)
}

/** As time goes on, to the second: `5 s`, `3 min 7 s`, `1 h 2 min`. */
export function wholeSeconds(milliseconds: number): string {
  const whole = Math.round(milliseconds / 1000)
  const [hours, minutes, seconds] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  const parts: [number, string][] =
    hours > 0
      ? [
          [hours, 'h'],
          [minutes, 'min'],
        ]
      : [
          [minutes, 'min'],
          [seconds, 's'],
        ]
  const said = parts.filter(([amount]) => amount > 0).map(([amount, unit]) => `${amount} ${unit}`)
  return said.length === 0 ? '0 s' : said.join(' ')
}

/** When an execution was accepted, began to run, and ended. */
export interface Lifetime {
  readonly created_at: string
  readonly started_at: string | null
  readonly completed_at: string | null
}

/** A wait that is worth a word, in milliseconds. */
const LONG_WAIT = 1_000

/**
 * How long an execution ran, and waited before: `1.2 s`, `1.2 s (queued 9 min)`, `queued 9 min`. While it runs the
 * wait is left out: nothing should look queued and running at once.
 */
export function took({ created_at, started_at, completed_at }: Lifetime, now: number): string {
  const end = completed_at === null ? now : Date.parse(completed_at)
  const begin = started_at === null ? end : Date.parse(started_at)
  const wait = begin - Date.parse(created_at)
  const queued = wait < LONG_WAIT ? '' : `queued ${wholeSeconds(wait)}`
  if (started_at === null) {
    return queued
  }
  const run = Math.max(0, end - begin)
  if (completed_at === null) {
    return wholeSeconds(Math.floor(run / 1000) * 1000)
  }
  const ran = duration(run)
  return queued === '' ? ran : `${ran} (${queued})`
}

const STEPS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
]
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' })
const date = new Intl.DateTimeFormat('en', { dateStyle: 'medium' })

/** How long ago a moment was: `just now`, `5 minutes ago`, then the date after a week. */
export function ago(moment: string, now: number): string {
  const seconds = (Date.parse(moment) - now) / 1000
  if (seconds < -7 * 86_400) {
    return date.format(Date.parse(moment))
  }
  const step = STEPS.find(([, length]) => -seconds >= length)
  return step === undefined ? 'just now' : relative.format(Math.ceil(seconds / step[1]), step[0])
}

const exact = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'medium' })

export function exactTime(moment: string): string {
  return exact.format(Date.parse(moment))
}
