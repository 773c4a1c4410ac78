/** A text as searches on lists compare it: without case, however its letters are encoded, and without invisible signs. */
export function comparable(text: string): string {
  return text
    .normalize('NFKC')
    .replaceAll(/[\u00AD\u200B\u2060\uFEFF]/gu, '')
    .toLowerCase()
}
