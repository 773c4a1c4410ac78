/** Documents as people speak of them. */

const KINDS: Partial<Record<string, string>> = {
  'text/markdown': 'Markdown',
  'text/plain': 'Text',
  'text/html': 'Web page',
  'application/pdf': 'PDF',
  'text/csv': 'CSV',
  'text/tab-separated-values': 'TSV',
  'application/json': 'JSON',
  'application/jsonl': 'JSON lines',
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document': 'Word',
  'application/vnd.openxmlformats-officedocument.presentationml.presentation': 'PowerPoint',
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet': 'Excel',
  'application/vnd.ms-excel': 'Excel',
}

export function kindWords(mediaType: string): string {
  return KINDS[mediaType] ?? mediaType
}

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

/** `1st`, `2nd`, `13th`. */
export function ordinal(rank: number): string {
  const endings = { one: 'st', two: 'nd', few: 'rd', other: 'th', many: 'th', zero: 'th' }
  return `${rank}${endings[ordinals.select(rank)]}`
}

const ordinals = new Intl.PluralRules('en', { type: 'ordinal' })
