/** Where a passage is in its document's text. */
import { utf16Index } from './codePoints'

export interface PassagePlace {
  readonly before: string
  readonly passage: string
  readonly after: string
}

/** `start` is where it is said to begin, in code points; null if the text does not hold the passage as it was cited. */
export function placeOf(passage: string, text: string, start = 0): PassagePlace | null {
  const said = utf16Index(text, start)
  const found = text.startsWith(passage, said) ? said : text.indexOf(passage)
  if (passage === '' || found === -1) {
    return null
  }
  return { before: text.slice(0, found), passage, after: text.slice(found + passage.length) }
}
