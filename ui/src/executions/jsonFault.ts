/** Where a text stops being JSON, and what is wrong there. */
import { parseTree, printParseErrorCode, type ParseError } from 'jsonc-parser'

export interface JsonFault {
  readonly words: string
  /** From 1 on, as editors count. */
  readonly line: number
  readonly column: number
  /** The place in UTF-16 units, and how much of the text is at fault. */
  readonly offset: number
  readonly length: number
}

const WORDS: Partial<Record<string, string>> = {
  InvalidSymbol: 'Invalid JSON: strings need double quotes',
  InvalidNumberFormat: 'Invalid number',
  PropertyNameExpected: 'A field name in double quotes is missing here',
  ValueExpected: 'A value is missing here',
  ColonExpected: 'A colon is missing here',
  CommaExpected: 'A comma is missing here',
  CloseBraceExpected: 'A closing brace } is missing here',
  CloseBracketExpected: 'A closing bracket ] is missing here',
  EndOfFileExpected: 'Unexpected text after the end of the JSON',
  InvalidCommentToken: 'JSON has no comments',
  UnexpectedEndOfComment: 'JSON has no comments',
  UnexpectedEndOfString: 'This string has no closing quote',
  UnexpectedEndOfNumber: 'This number is not complete',
  InvalidUnicode: '\\u must be followed by four hexadecimal digits',
  InvalidEscapeCharacter: 'This character cannot be escaped with \\',
  InvalidCharacter: 'Strings cannot contain line breaks or control characters: use \\n',
}

/** Null if the text is JSON. */
export function jsonFault(text: string): JsonFault | null {
  const first = firstError(text)
  if (first === undefined) {
    return null
  }
  const offset = Math.min(first.offset, text.length)
  const lines = text.slice(0, offset).split('\n')
  return {
    words: first.words,
    line: lines.length,
    column: Array.from(lines.at(-1) ?? '').length + 1,
    offset,
    length: Math.max(1, first.length),
  }
}

function firstError(text: string): Pick<JsonFault, 'words' | 'offset' | 'length'> | undefined {
  const errors: ParseError[] = []
  try {
    parseTree(text, errors, { disallowComments: true, allowTrailingComma: false })
  } catch (error) {
    // The parser calls itself for each level.
    if (error instanceof RangeError) {
      return { words: 'Nested too deeply', offset: 0, length: 1 }
    }
    throw error
  }
  return errors.map(({ error, offset, length }) => {
    const code = printParseErrorCode(error)
    return { words: WORDS[code] ?? code, offset, length }
  })[0]
}
