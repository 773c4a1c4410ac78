/** What is wrong with a page as it is now, narrow and wide, light and dark. */
import type { Page } from 'playwright-core'

import { violations } from './accessibility'

const SIZES = [
  { width: 390, height: 844 },
  { width: 1440, height: 900 },
]

/** What axe has against it, and whether it has to be scrolled sideways. */
export async function faultsOf(page: Page): Promise<string[]> {
  const found: string[] = []
  for (const size of SIZES) {
    await page.setViewportSize(size)
    found.push(...(await violations(page)).map((fault) => `${size.width}: ${fault}`))
    const beyond = await page.evaluate<number>('document.documentElement.scrollWidth - window.innerWidth')
    if (beyond > 0) {
      found.push(`${size.width}: it is ${beyond} pixels too wide`)
    }
  }
  return found
}
