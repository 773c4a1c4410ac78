/** Draws formulas with KaTeX; imported only by what shows one. */
import 'katex/dist/katex.min.css'

import { render } from 'katex'

export function drawFormula(tex: string, place: HTMLElement, isBlock: boolean): void {
  render(tex, place, {
    displayMode: isBlock,
    throwOnError: false,
    strict: 'ignore',
    trust: false,
    // What an answer asks for must not cover the page or take for ever.
    maxSize: 20,
    maxExpand: 200,
    errorColor: 'currentColor',
  })
}
