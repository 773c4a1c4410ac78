/** Answers of the generator that quotes end with a note that there is no model; the page has a banner for it. */

/** As the service words it; a spec sees to it. */
export const NO_MODEL =
  'No language model is configured, so answers are quotations; ' +
  'set DYNAVERA_GENERATOR, for example to openai:<model>, to change that.'

const CLOSING = `\n\n${NO_MODEL}`

export interface QuotedAnswer {
  readonly text: string
  /** Whether the note was there. */
  readonly isNoted: boolean
}

export function withoutNote(answer: string): QuotedAnswer {
  return answer.endsWith(CLOSING)
    ? { text: answer.slice(0, -CLOSING.length), isNoted: true }
    : { text: answer, isNoted: false }
}
