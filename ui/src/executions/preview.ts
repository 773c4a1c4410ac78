/** What the model has said and the log has not yet: shown after the log's answer, and replaced by what the log says. */
import { codePointCount, utf16Index } from './codePoints'

/** One stretch of an answer, from previews that follow each other. */
export interface Stretch {
  /** Where it begins in the answer, in code points, like `length`. */
  readonly offset: number
  readonly length: number
  readonly text: string
}

export interface Previewed {
  /** The log's answer. */
  readonly answer: string
  readonly answerLength: number
  /**
   * Begins where the log's answer ends: it is shown. Begins later: the log is still to come there. Begins earlier: its
   * words are not the log's, so it belongs to an attempt that the log does not know yet.
   */
  readonly ahead: Stretch | null
}

/** The answer as it is shown. */
export function written({ answer, answerLength, ahead }: Previewed): string {
  return ahead !== null && ahead.offset === answerLength ? answer + ahead.text : answer
}

/** Previews may be missing or late, and an attempt that starts over sends earlier offsets again. */
export function withPreview<View extends Previewed>(view: View, offset: number, text: string): View {
  const piece = { offset, length: codePointCount(text), text }
  const { ahead } = view
  if (isRepeated(view, piece)) {
    return view
  }
  if (ahead === null || offset < ahead.offset) {
    return settled(view, piece)
  }
  if (offset > end(ahead)) {
    // Between them something is missing. What is shown stays until the log is past it.
    return ahead.offset === view.answerLength ? view : settled(view, piece)
  }
  return settled(view, joined(ahead, piece))
}

/** After the log's answer has changed; `restart`: the offset from which it was taken back, if it was. */
export function afterLog<View extends Previewed>(view: View, restart: number | null): View {
  const { ahead, answerLength } = view
  if (ahead === null || (ahead.offset > answerLength && restart === null)) {
    return view
  }
  const isOfThisAnswer = ahead.offset <= (restart ?? answerLength) && agrees(view, ahead)
  return isOfThisAnswer ? settled(view, ahead) : { ...view, ahead: null }
}

/** It comes late: the log has said the same. */
function isRepeated(view: Previewed, piece: Stretch): boolean {
  return end(piece) <= view.answerLength && agrees(view, piece)
}

function settled<View extends Previewed>(view: View, stretch: Stretch): View {
  if (stretch.offset >= view.answerLength || !agrees(view, stretch)) {
    return { ...view, ahead: stretch }
  }
  const rest = after(stretch, view.answerLength)
  return { ...view, ahead: rest.length > 0 ? rest : null }
}

/** Whether a stretch and the log's answer say the same where they overlap. */
function agrees({ answer, answerLength }: Previewed, { offset, text }: Stretch): boolean {
  if (offset >= answerLength) {
    return true
  }
  const logged = answer.slice(utf16Index(answer, offset))
  const common = Math.min(logged.length, text.length)
  return logged.slice(0, common) === text.slice(0, common)
}

function after({ offset, length, text }: Stretch, place: number): Stretch {
  const passed = Math.max(0, Math.min(length, place - offset))
  return { offset: offset + passed, length: length - passed, text: text.slice(utf16Index(text, passed)) }
}

function joined(before: Stretch, piece: Stretch): Stretch {
  const kept = piece.offset - before.offset
  const text = kept === before.length ? before.text : before.text.slice(0, utf16Index(before.text, kept))
  return { offset: before.offset, length: kept + piece.length, text: text + piece.text }
}

function end({ offset, length }: Stretch): number {
  return offset + length
}
