/** An answer that grows, read as Markdown block by block: what is whole is not read again. */
import { Marked, type MarkedToken, type Token, type TokenizerExtension } from 'marked'

/** A formula in TeX: within a line, or a block of its own. */
export interface FormulaToken {
  readonly type: 'formula'
  readonly raw: string
  readonly text: string
  readonly isBlock: boolean
}

/** Words that only one of two compared answers has. */
export interface OwnToken {
  readonly type: 'own'
  readonly raw: string
  readonly text: string
  readonly isCode: boolean
}

export type AnswerToken = MarkedToken | FormulaToken | OwnToken

export interface Block {
  /** Where it begins in the text. */
  readonly start: number
  readonly raw: string
  readonly token: AnswerToken
}

export interface ReadMarkdown {
  readonly text: string
  readonly blocks: readonly Block[]
}

const NOTHING: ReadMarkdown = { text: '', blocks: [] }
/** What comes can still change the last block, and join it with the one before it, as two halves of a list. */
const UNSETTLED = 2

/** A formula holds no blank line, as in TeX. */
const INLINE_FORMULA =
  /^(?:\\\(((?:(?!\n\s*\n)[\s\S]){1,2000}?)\\\)|\\\[((?:(?!\n\s*\n)[\s\S]){1,4000}?)\\\]|\$\$((?:(?!\n\s*\n)[\s\S]){1,4000}?)\$\$)/
const BLOCK_FORMULA =
  /^ {0,3}(?:\\\[((?:(?!\n\s*\n)[\s\S]){1,4000}?)\\\]|\$\$((?:(?!\n\s*\n)[\s\S]){1,4000}?)\$\$)[ \t]*(?:\n|$)/

function formulas(
  name: string,
  level: 'block' | 'inline',
  pattern: RegExp,
  opening: RegExp,
): TokenizerExtension {
  return {
    name,
    level,
    start: (text) => {
      const place = text.search(opening)
      return place === -1 ? undefined : place
    },
    tokenizer: (text) => {
      const match = pattern.exec(text)
      const tex = match?.slice(1).find(Boolean)
      return match === null || tex === undefined
        ? undefined
        : { type: 'formula', raw: match[0], text: tex.trim(), isBlock: !match[0].startsWith('\\(') }
    },
  }
}

const reader = new Marked({
  gfm: true,
  breaks: true,
  // A definition at the end would turn every [1] before it into a link to somewhere else.
  tokenizer: { def: () => undefined },
  extensions: [
    formulas('blockFormula', 'block', BLOCK_FORMULA, /^ {0,3}(?:\\\[|\$\$)/m),
    formulas('inlineFormula', 'inline', INLINE_FORMULA, /\\[([]|\$\$/),
  ],
})

/** The blocks of `text`; those that are as they were `before` are the same objects. */
export function read(text: string, before: ReadMarkdown = NOTHING): ReadMarkdown {
  const lines = text.replaceAll(/\r\n?/g, '\n')
  const settled = lines.startsWith(before.text) ? before.blocks.slice(0, -UNSETTLED) : []
  const earlier = new Map(before.blocks.map((block) => [block.start, block]))
  const blocks = [...settled]
  let start = settled.length === 0 ? 0 : (before.blocks[settled.length]?.start ?? 0)
  for (const token of reader.lexer(lines.slice(start)) as AnswerToken[]) {
    if (token.type !== 'space') {
      const same = earlier.get(start)
      blocks.push(same?.raw === token.raw ? same : { start, raw: token.raw, token })
    }
    start += token.raw.length
  }
  return { text: lines, blocks }
}

/** The address of a link that may be followed: nothing that runs, and nothing of this page. */
export function safeAddress(href: string): string | null {
  return /^(?:https?:\/\/|mailto:)/i.test(href) && URL.canParse(href) ? href : null
}

const ENTITY = /&(?:#\d{1,7}|#x[\da-f]{1,6}|[a-z][a-z\d]{1,31});/gi
let box: HTMLTextAreaElement | undefined

/** The text that entities stand for; a text area holds text only, whatever is put into it. */
export function unescaped(text: string): string {
  return text.replaceAll(ENTITY, (entity) => {
    box ??= document.createElement('textarea')
    box.innerHTML = entity
    return box.value
  })
}

export type { Token }
