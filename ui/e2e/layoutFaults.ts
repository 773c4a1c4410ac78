/** What sticks out of a page's columns, and what covers something else. */
import type { Page } from 'playwright-core'

export async function layoutFaults(page: Page): Promise<string[]> {
  return [...(await page.evaluate(stickingOut)), ...(await page.evaluate(covered))]
}

/** Runs in the page, so it holds all that it needs. */
function stickingOut(): string[] {
  const faults: string[] = []
  const main = document.querySelector('main')
  const tooWide = document.documentElement.scrollWidth - innerWidth
  if (tooWide > 0) {
    faults.push(`the page is ${tooWide} px too wide`)
  }
  for (const element of main?.querySelectorAll<HTMLElement>('*') ?? []) {
    const column = element.parentElement?.closest('.answer, .panel, section, main')
    if (!column || element.closest('.visually-hidden, .katex') || isClipped(element, column)) {
      continue
    }
    const { left, right, width } = element.getBoundingClientRect()
    const bounds = column.getBoundingClientRect()
    if (width > 0 && (left < bounds.left - 1 || right > bounds.right + 1)) {
      faults.push(`${name(element)} leaves ${name(column)}: ${left}–${right}, ${bounds.left}–${bounds.right}`)
    }
  }
  return faults

  function isClipped(element: Element, column: Element): boolean {
    for (let one = element.parentElement; one !== null && one !== column; one = one.parentElement) {
      if (getComputedStyle(one).overflowX !== 'visible') {
        return true
      }
    }
    return getComputedStyle(column).overflowX !== 'visible'
  }

  function name(element: Element): string {
    return `<${element.tagName.toLowerCase()} class="${element.getAttribute('class') ?? ''}">`
  }
}

/** The links, buttons and fields that something else lies on, each brought into view first. */
async function covered(): Promise<string[]> {
  const faults: string[] = []
  for (const control of document.querySelectorAll<HTMLElement>(
    'main :is(a, button, input, select, textarea)',
  )) {
    control.scrollIntoView({ block: 'center', inline: 'center' })
    await new Promise(requestAnimationFrame)
    const [box] = control.getClientRects()
    if (box === undefined || box.width < 2 || getComputedStyle(control).visibility !== 'visible') {
      continue
    }
    const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2)
    if (top === null || !(control.contains(top) || control.closest('label')?.contains(top))) {
      const what = `${control.tagName} ${control.getAttribute('aria-label') ?? control.textContent.trim()}`
      faults.push(`“${what.slice(0, 60)}” is covered by ${top?.outerHTML.slice(0, 80) ?? 'the window'}`)
    }
  }
  scrollTo(0, 0)
  return faults
}
