/** An answer that grows, read as Markdown block by block: what is whole is not read again. */
import { Marked, type MarkedToken, type Token } from 'marked'

export interface Block {
  /** Where it begins in the text. */
  readonly start: number
  readonly raw: string
  readonly token: MarkedToken
}

export interface ReadMarkdown {
  readonly text: string
  readonly blocks: readonly Block[]
}

const NOTHING: ReadMarkdown = { text: '', blocks: [] }
/** What comes can still change the last block, and join it with the one before it, as two halves of a list. */
const UNSETTLED = 2

const reader = new Marked({
  gfm: true,
  breaks: true,
  // A definition at the end would turn every [1] before it into a link to somewhere else.
  tokenizer: { def: () => undefined },
})

/** The blocks of `text`; those that are as they were `before` are the same objects. */
export function read(text: string, before: ReadMarkdown = NOTHING): ReadMarkdown {
  const lines = text.replaceAll(/\r\n?/g, '\n')
  const settled = lines.startsWith(before.text) ? before.blocks.slice(0, -UNSETTLED) : []
  const earlier = new Map(before.blocks.map((block) => [block.start, block]))
  const blocks = [...settled]
  let start = settled.length === 0 ? 0 : (before.blocks[settled.length]?.start ?? 0)
  for (const token of reader.lexer(lines.slice(start)) as MarkedToken[]) {
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

export type { MarkedToken, Token }
