/** Makes the pictures of the documentation: the real product on its first start, asked its first question. */
import { mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

import { chromium, type Browser, type Page } from 'playwright-core'

import { findChromium, FLAGS, HOW_TO_INSTALL } from './chromium'
import { Product } from './product'

const FOLDER = fileURLToPath(new URL('../../docs/images/', import.meta.url))
const QUESTION = 'What is fNIRS?'
const WIDE = { width: 1440, height: 1100 }
const NARROW = { width: 390, height: 844 }

async function picture(page: Page, name: string, scheme: 'light' | 'dark', size = WIDE): Promise<void> {
  await page.setViewportSize(size)
  await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' })
  // The page follows an answer; a picture begins at its top.
  await page.evaluate(() => {
    window.scrollTo(0, 0)
  })
  const file = `${name}-${size.width}-${scheme}.png`
  // Not the full page: the log and the navigation stay at the bottom of the window.
  await page.screenshot({ path: `${FOLDER}${file}` })
  process.stdout.write(`docs/images/${file}\n`)
}

async function pictures(browser: Browser, product: Product): Promise<void> {
  const page = await browser.newPage({ viewport: WIDE })
  await page.goto(await product.loginLink())
  await page.getByRole('link', { name: 'Research assistant' }).waitFor()
  await picture(page, 'agents', 'light')

  await page.getByRole('link', { name: 'Research assistant' }).click()
  await page.getByRole('textbox', { name: 'Question' }).fill(QUESTION)
  await page.getByRole('button', { name: 'Ask', exact: true }).click()
  const execution = page.getByRole('article', { name: 'Execution' })
  await execution.getByText('Completed').first().waitFor()
  await page.getByRole('link', { name: 'Open in Temporal' }).waitFor()
  await picture(page, 'agent', 'light')
  await picture(page, 'agent', 'dark')
  await picture(page, 'agent', 'light', NARROW)

  await page.setViewportSize(WIDE)
  await execution.getByRole('link', { name: 'Details' }).click()
  await page.getByRole('heading', { name: 'Timeline' }).waitFor()
  await picture(page, 'execution', 'light')

  await page.getByRole('link', { name: 'Knowledge', exact: true }).click()
  await page.getByRole('link', { name: 'motion-artefacts.md' }).waitFor()
  await picture(page, 'knowledge', 'light')

  await page.getByRole('link', { name: 'System', exact: true }).click()
  await page.getByText('minilm').first().waitFor()
  await picture(page, 'system', 'light')
  await picture(page, 'system', 'dark', NARROW)
}

const chromiumPath = findChromium()
if (chromiumPath === null) {
  process.stderr.write(`${HOW_TO_INSTALL}\n`)
  process.exit(1)
}
await mkdir(FOLDER, { recursive: true })
const product = await Product.start({ DYNAVERA_EMBEDDER: 'minilm' })
try {
  const browser = await chromium.launch({ executablePath: chromiumPath, args: FLAGS })
  try {
    await pictures(browser, product)
  } finally {
    await browser.close()
  }
} finally {
  await product.stop()
}
