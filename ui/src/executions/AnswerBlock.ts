/** A block of an answer as elements of the page: made from tokens, never from a string of HTML. */
import type { Tokens } from 'marked'
import { cloneVNode, h, type FunctionalComponent, type VNode } from 'vue'

import { segments } from './citations'
import CodeBlock from './CodeBlock.vue'
import FormulaText from './FormulaText.vue'
import { safeAddress, unescaped, type AnswerToken, type OwnToken, type Token } from './markdown'

type Drawn = VNode | string

interface Props {
  token: AnswerToken
  /** The names of the documents that may be cited, by their numbers. */
  documents: ReadonlyMap<number, string>
}

/** What drawing needs besides the token. */
interface Pen {
  documents: ReadonlyMap<number, string>
  known: ReadonlySet<number>
  cite: (n: number) => void
}

export const AnswerBlock: FunctionalComponent<Props, { cite: (n: number) => void }> = (
  { token, documents },
  { emit },
) => {
  const pen: Pen = {
    documents,
    known: new Set(documents.keys()),
    cite: (n) => {
      emit('cite', n)
    },
  }
  return block(token, pen).map(inItsDirection)
}
AnswerBlock.props = ['token', 'documents']
AnswerBlock.emits = ['cite']

/** Each block reads from left to right or from right to left, as its own words do. */
function inItsDirection(drawn: Drawn): Drawn {
  return typeof drawn !== 'string' && typeof drawn.type === 'string' && drawn.type !== 'div'
    ? cloneVNode(drawn, { dir: 'auto' })
    : drawn
}

function all(tokens: Token[] | undefined, pen: Pen): Drawn[] {
  return (tokens ?? []).flatMap((token) => block(token as AnswerToken, pen))
}

function block(token: AnswerToken, pen: Pen): Drawn[] {
  switch (token.type) {
    case 'paragraph':
      return [h('p', all(token.tokens, pen))]
    case 'heading':
      // One level for all, below the page's own: an answer may begin with any.
      return [h('h3', { 'data-depth': token.depth }, all(token.tokens, pen))]
    case 'list':
      return [list(token, pen)]
    case 'list_item':
      return [h('li', all(token.tokens, pen))]
    case 'blockquote':
      return [h('blockquote', all(token.tokens, pen))]
    case 'code':
      return [h(CodeBlock, { text: token.text, language: token.lang ?? '' })]
    case 'formula':
      return [h(FormulaText, { tex: token.text, isBlock: token.isBlock })]
    case 'table':
      return [table(token, pen)]
    case 'hr':
      return [h('hr')]
    case 'html':
      return token.block ? [h('p', { class: 'raw' }, token.raw)] : inline(token, pen)
    case 'space':
    case 'def':
      return []
    default:
      return inline(token, pen)
  }
}

function list(token: Tokens.List, pen: Pen): VNode {
  const items = token.items.map((item) => h('li', all(item.tokens, pen)))
  return token.ordered ? h('ol', { start: Number(token.start) || 1 }, items) : h('ul', items)
}

function table(token: Tokens.Table, pen: Pen): VNode {
  const cell = (name: 'th' | 'td', { tokens, align }: Tokens.TableCell) =>
    h(name, { dir: 'auto', style: align === null ? {} : { textAlign: align } }, all(tokens, pen))
  const head = h(
    'tr',
    token.header.map((one) => cell('th', one)),
  )
  const rows = token.rows.map((row) =>
    h(
      'tr',
      row.map((one) => cell('td', one)),
    ),
  )
  return h('div', { class: 'wide', tabindex: 0, role: 'group', 'aria-label': 'Table' }, [
    h('table', [h('thead', head), h('tbody', rows)]),
  ])
}

function inline(token: AnswerToken, pen: Pen): Drawn[] {
  switch (token.type) {
    case 'text':
      return 'tokens' in token && token.tokens !== undefined ? all(token.tokens, pen) : words(token.text, pen)
    case 'escape':
      return [token.text]
    case 'strong':
      return [h('strong', all(token.tokens, pen))]
    case 'em':
      return [h('em', all(token.tokens, pen))]
    case 'del':
      return [h('del', all(token.tokens, pen))]
    case 'own':
      return [own(token)]
    case 'codespan':
      return [h('code', token.text)]
    case 'br':
      return [h('br')]
    case 'checkbox':
      return [token.checked ? '☑ ' : '☐ ']
    case 'link':
      return link(token.href, all(token.tokens, pen))
    case 'image':
      // Fetching it would tell its server who reads this, and when.
      return link(token.href, [`Image: ${token.text || token.href}`])
    default:
      return markup(token.raw)
  }
}

function own({ text, isCode }: OwnToken): VNode {
  return isCode ? h('code', h('mark', text)) : h('mark', unescaped(text))
}

/** What looks like HTML is shown as it was written, but for the line break that tables cannot do without. */
function markup(raw: string): Drawn[] {
  return /^<br\s*\/?>$/i.test(raw) ? [h('br')] : [raw]
}

function link(href: string, inside: Drawn[]): Drawn[] {
  const address = safeAddress(href)
  return address === null
    ? inside
    : [
        h(
          'a',
          { href: address, title: address, target: '_blank', rel: 'noopener noreferrer nofollow' },
          inside,
        ),
      ]
}

function words(text: string, pen: Pen): Drawn[] {
  return segments(text, pen.known).map((part) =>
    part.kind === 'text' ? unescaped(part.text) : marker(part.n, pen),
  )
}

function marker(n: number, { documents, cite }: Pen): VNode {
  const document = documents.get(n) ?? ''
  return h(
    'a',
    {
      class: 'marker',
      href: `#source-${n}`,
      title: document,
      'aria-label': `Source ${n}: ${document}`,
      onClick: (event: Event) => {
        event.preventDefault()
        cite(n)
      },
    },
    String(n),
  )
}
