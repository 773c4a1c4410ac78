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

/** `1st`, `2nd`, `13th`. */
export function ordinal(rank: number): string {
  const endings = { one: 'st', two: 'nd', few: 'rd', other: 'th', many: 'th', zero: 'th' }
  return `${rank}${endings[ordinals.select(rank)]}`
}

const ordinals = new Intl.PluralRules('en', { type: 'ordinal' })
