/** Two answers as Markdown, with the words that only one of them has. */
import type { Tokens } from 'marked'

import { read, type AnswerToken, type Block, type Token } from './markdown'
import { wordDiff, type DiffPart } from './wordDiff'

export interface ComparedAnswers {
  readonly left: readonly Block[]
  readonly right: readonly Block[]
  /** How much of both is common, from 0 to 1. */
  readonly common: number
}

/** Null if they are too different, or too long, to be compared in time. */
export function comparedAnswers(left: string, right: string): ComparedAnswers | null {
  const sides = [read(left).blocks, read(right).blocks] as const
  const diff = wordDiff(words(sides[0]), words(sides[1]))
  return diff === null
    ? null
    : { left: marked(sides[0], diff.left), right: marked(sides[1], diff.right), common: diff.common }
}

/** Code blocks and formulas are not compared word by word. */
function isWords(token: AnswerToken): boolean {
  return token.type === 'codespan' || (token.type === 'text' && token.tokens === undefined)
}

interface Visitor {
  /** What comes in place of the words. */
  replaced: (leaf: Leaf) => AnswerToken[]
  /** After a list item, a cell and a block: what follows is another word. */
  ended: () => void
}

const GAP = '\n'

function words(blocks: readonly Block[]): string {
  const said: string[] = []
  const replaced = (leaf: Leaf) => {
    said.push(leaf.text)
    return [leaf]
  }
  const ended = () => {
    said.push(GAP)
  }
  blocks.forEach(({ token }) => {
    walked(token, { replaced, ended })
    ended()
  })
  return said.join('')
}

type Leaf = Tokens.Text | Tokens.Codespan

function marked(blocks: readonly Block[], parts: readonly DiffPart[]): Block[] {
  const take = taker(parts)
  const replaced = (leaf: Leaf) => take(leaf.text.length).map((part) => piece(leaf, part))
  const ended = () => {
    take(GAP.length)
  }
  return blocks.map((block) => {
    const token = walked(block.token, { replaced, ended })
    ended()
    return { ...block, token }
  })
}

function piece(leaf: Leaf, { text, isOwn }: DiffPart): AnswerToken {
  return isOwn
    ? { type: 'own', raw: text, text, isCode: leaf.type === 'codespan' }
    : { ...leaf, raw: text, text }
}

/** Gives out the parts in order, cut to the lengths that are asked for. */
function taker(parts: readonly DiffPart[]): (length: number) => DiffPart[] {
  let index = 0
  let used = 0
  return (length) => {
    const taken: DiffPart[] = []
    let left = length
    while (left > 0) {
      const part = parts[index]
      if (part === undefined) {
        break
      }
      const text = part.text.slice(used, used + left)
      taken.push({ text, isOwn: part.isOwn })
      left -= text.length
      used += text.length
      if (used === part.text.length) {
        index += 1
        used = 0
      }
    }
    return taken
  }
}

/** The token with other tokens in place of its words. */
function walked(token: AnswerToken, visitor: Visitor): AnswerToken {
  const all = (tokens: Token[]) =>
    tokens.flatMap((one) =>
      isWords(one as AnswerToken) ? visitor.replaced(one as Leaf) : [walked(one as AnswerToken, visitor)],
    ) as Token[]
  const part = <Part extends { tokens: Token[] }>(one: Part): Part => {
    const tokens = all(one.tokens)
    visitor.ended()
    return { ...one, tokens }
  }
  switch (token.type) {
    case 'list':
      return { ...token, items: token.items.map(part) }
    case 'table':
      return { ...token, header: token.header.map(part), rows: token.rows.map((row) => row.map(part)) }
    default:
      return 'tokens' in token && token.tokens !== undefined ? { ...token, tokens: all(token.tokens) } : token
  }
}
