/** What a collection may be called. */

/** As the API has it; a spec sees to it. */
export const COLLECTION = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

/** Why a collection cannot be called so, or null. */
export function collectionFault(name: string): string | null {
  return COLLECTION.test(name)
    ? null
    : 'Use up to 64 letters, digits, dots, hyphens and underscores, starting with a letter or digit.'
}
