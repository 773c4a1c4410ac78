/** Times as a person reads them. */

/** From a start to a later moment: `0.00 s`, `12.4 s`, `3:07`, `1:02:09`. */
export function elapsed(from: string, to: string): string {
  return duration(Math.max(0, Date.parse(to) - Date.parse(from)))
}

export function duration(milliseconds: number): string {
  const seconds = milliseconds / 1000
  if (seconds < 9.995) {
    return `${seconds.toFixed(2)} s`
  }
  if (seconds < 59.95) {
    return `${seconds.toFixed(1)} s`
  }
  const whole = Math.round(seconds)
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)]
  const padded = (part: number) => String(part).padStart(2, '0')
  const tail = padded(whole % 60)
  return hours > 0 ? `${hours}:${padded(minutes)}:${tail}` : `${minutes}:${tail}`
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
