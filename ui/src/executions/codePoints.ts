/** Offsets in events count Unicode code points; JavaScript's strings count UTF-16 units. */

export function codePointCount(text: string): number {
  let count = text.length
  for (let index = 0; index < text.length; index += 1) {
    if (startsPair(text, index)) {
      count -= 1
      index += 1
    }
  }
  return count
}

/** The UTF-16 index at which code point `offset` of `text` begins, or its end if it has fewer. */
export function utf16Index(text: string, offset: number): number {
  let index = 0
  for (let passed = 0; passed < offset && index < text.length; passed += 1) {
    index += startsPair(text, index) ? 2 : 1
  }
  return index
}

function startsPair(text: string, index: number): boolean {
  return (
    (text.charCodeAt(index) & 0xfc00) === 0xd800 &&
    index + 1 < text.length &&
    (text.charCodeAt(index + 1) & 0xfc00) === 0xdc00
  )
}
