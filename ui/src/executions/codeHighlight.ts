/** Highlighting of code: the library and each language are loaded when code of that language is first shown. */
import type { HLJSApi, LanguageFn } from 'highlight.js'

/** A stretch of code, and what it is: a class of highlight.js, or nothing. */
export interface Part {
  readonly text: string
  readonly scope: string
}

export interface Painted {
  readonly text: string
  readonly parts: readonly Part[]
}

interface Language {
  readonly label: string
  readonly load: () => Promise<{ default: LanguageFn }>
}

const bash: Language = { label: 'Shell', load: () => import('highlight.js/lib/languages/bash') }
const cpp: Language = { label: 'C++', load: () => import('highlight.js/lib/languages/cpp') }
const csharp: Language = { label: 'C#', load: () => import('highlight.js/lib/languages/csharp') }
const ini: Language = { label: 'TOML, INI', load: () => import('highlight.js/lib/languages/ini') }
const javascript: Language = {
  label: 'JavaScript',
  load: () => import('highlight.js/lib/languages/javascript'),
}
const python: Language = { label: 'Python', load: () => import('highlight.js/lib/languages/python') }
const rust: Language = { label: 'Rust', load: () => import('highlight.js/lib/languages/rust') }
const typescript: Language = {
  label: 'TypeScript',
  load: () => import('highlight.js/lib/languages/typescript'),
}
const xml: Language = { label: 'HTML, XML', load: () => import('highlight.js/lib/languages/xml') }
const yaml: Language = { label: 'YAML', load: () => import('highlight.js/lib/languages/yaml') }

export const LANGUAGES: Readonly<Partial<Record<string, Language>>> = {
  bash,
  c: { label: 'C', load: () => import('highlight.js/lib/languages/c') },
  console: bash,
  cpp,
  'c++': cpp,
  cs: csharp,
  csharp,
  css: { label: 'CSS', load: () => import('highlight.js/lib/languages/css') },
  diff: { label: 'Diff', load: () => import('highlight.js/lib/languages/diff') },
  dockerfile: { label: 'Dockerfile', load: () => import('highlight.js/lib/languages/dockerfile') },
  go: { label: 'Go', load: () => import('highlight.js/lib/languages/go') },
  html: xml,
  ini,
  java: { label: 'Java', load: () => import('highlight.js/lib/languages/java') },
  javascript,
  js: javascript,
  json: { label: 'JSON', load: () => import('highlight.js/lib/languages/json') },
  jsx: javascript,
  julia: { label: 'Julia', load: () => import('highlight.js/lib/languages/julia') },
  latex: { label: 'LaTeX', load: () => import('highlight.js/lib/languages/latex') },
  matlab: { label: 'MATLAB', load: () => import('highlight.js/lib/languages/matlab') },
  py: python,
  python,
  r: { label: 'R', load: () => import('highlight.js/lib/languages/r') },
  rs: rust,
  rust,
  sh: bash,
  shell: bash,
  sql: { label: 'SQL', load: () => import('highlight.js/lib/languages/sql') },
  svg: xml,
  toml: ini,
  ts: typescript,
  tsx: typescript,
  typescript,
  xml,
  yaml,
  yml: yaml,
  zsh: bash,
}

/** Longer code is shown plain: it would hold the page up. */
const LONGEST = 50_000

let library: Promise<HLJSApi> | undefined

/** The code in parts, one after the other; null where its language is not known. */
export async function highlighted(text: string, name: string): Promise<Part[] | null> {
  const key = name.toLowerCase()
  const language = LANGUAGES[key]
  if (language === undefined || text.length > LONGEST) {
    return null
  }
  library ??= import('highlight.js/lib/core').then((module) => module.default)
  const [highlighter, definition] = await Promise.all([library, language.load()])
  if (highlighter.getLanguage(key) === undefined) {
    highlighter.registerLanguage(key, definition.default)
  }
  const { value } = highlighter.highlight(text, { language: key, ignoreIllegals: true })
  return partsOf(value)
}

/** The library gives HTML; only its words and classes are taken, so nothing of an answer becomes an element. */
function partsOf(html: string): Part[] {
  const parts: Part[] = []
  const read = (node: Node, scope: string) => {
    for (const child of node.childNodes) {
      if (child instanceof Element) {
        read(child, child.getAttribute('class') ?? scope)
      } else {
        parts.push({ text: child.textContent ?? '', scope })
      }
    }
  }
  // The pre keeps a line break that code begins with.
  read(new DOMParser().parseFromString(`<pre>\n${html}</pre>`, 'text/html').body, '')
  return parts
}
