/** Screenshots from the narrowest to the widest that people have, light and dark, where SCREENSHOTS names a folder. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'

import type { Page } from 'playwright-core'

import { painted } from './accessibility'

const WIDEST = { width: 2560, height: 1440 }
const WIDE = { width: 1440, height: 900 }
const NARROW = { width: 390, height: 844 }

export async function pictured(page: Page, name: string): Promise<void> {
  const folder = process.env.SCREENSHOTS
  if (folder === undefined || folder === '') {
    return
  }
  await mkdir(folder, { recursive: true })
  for (const size of [NARROW, WIDE, WIDEST]) {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.setViewportSize(size)
      // Without motion nothing is pictured half way from one scheme to the other.
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      await painted(page)
      await page.screenshot({
        path: join(folder, `${name}-${size.width}-${colorScheme}.png`),
        fullPage: true,
      })
    }
  }
  await page.setViewportSize(WIDE)
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: null })
}
