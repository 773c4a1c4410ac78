/** What axe has against a page as it is now, in both colour schemes. */
import axe, { type AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'

export async function violations(page: Page): Promise<string[]> {
  const found: string[] = []
  for (const colorScheme of ['dark', 'light'] as const) {
    // Without motion no colour is met half way.
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    await painted(page)
    await page.evaluate(axe.source)
    const results = await page.evaluate<AxeResults>('axe.run()')
    found.push(
      ...results.violations.map(({ id, help, nodes }) => {
        const places = nodes.map(({ target, failureSummary }) => `${target.join(' ')}: ${failureSummary}`)
        return `${colorScheme}: ${id}: ${help}: ${places.join('\n')}`
      }),
    )
  }
  await page.emulateMedia({ colorScheme: null, reducedMotion: null })
  return found
}

/** Colours that have just changed are on the screen. */
export async function painted(page: Page): Promise<void> {
  await page.evaluate(
    'new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))',
  )
}
