/** Numbers of things and of bytes, as people read them. */

/** As the API counts: 1 KiB is 1,024 bytes. */
const UNITS = ['KiB', 'MiB', 'GiB']
const STEP = 1_024

/** `0 bytes`, `1 byte`, `512 bytes`, `3.4 KiB`, `10 MiB`. */
export function sizeWords(bytes: number): string {
  if (bytes < STEP) {
    return counted(bytes, 'byte')
  }
  let value = bytes / STEP
  let unit = 0
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= STEP
    unit += 1
  }
  return `${value < 9.95 ? value.toFixed(1) : value.toFixed(0)} ${UNITS[unit] ?? ''}`
}

/** `1 passage`, `2,345 passages`. */
export function counted(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`
}
