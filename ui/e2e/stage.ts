/** What the browser tests stand on: the product, a page to look at it, and a model where one is asked for. */
import { chromium, type Page } from 'playwright-core'

import { findChromium, FLAGS } from './chromium'
import { ModelServer } from './modelServer'
import { Product } from './product'

const WIDE = { width: 1440, height: 900 }
const BROWSER_STARTS_WITHIN = 60_000

export type Endings = (() => Promise<void>)[]

export interface Stage {
  product: Product
  page: Page
  /** What the page threw. */
  complaints: string[]
}

/** Starts both; what ends them is added to `endings` as each has started. */
export async function staged(endings: Endings, settings: Record<string, string> = {}): Promise<Stage> {
  const product = await Product.start(settings)
  endings.push(() => product.stop())
  const browser = await chromium.launch({
    executablePath: findChromium() ?? '',
    args: FLAGS,
    timeout: BROWSER_STARTS_WITHIN,
  })
  endings.push(() => browser.close())
  // In a separate context: one that was created with its page cannot have a second page.
  const page = await (await browser.newContext({ viewport: WIDE })).newPage()
  page.setDefaultTimeout(20_000)
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(error.message))
  return { product, page, complaints }
}

/** The same with a model, which answers unless the `settings` name another generator. */
export async function modelled(
  endings: Endings,
  settings: Record<string, string> = {},
): Promise<Stage & { model: ModelServer }> {
  const model = await ModelServer.start()
  endings.push(() => model.stop())
  const stage = await staged(endings, {
    DYNAVERA_GENERATOR: 'openai:test',
    OPENAI_BASE_URL: model.baseUrl,
    OPENAI_API_KEY: 'test',
    ...settings,
  })
  return { model, ...stage }
}

/** The last first; one that fails keeps no other from its end. */
export async function endAll(endings: Endings): Promise<void> {
  const failures: unknown[] = []
  for (const end of endings.reverse()) {
    try {
      await end()
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) {
    throw new AggregateError(failures, 'Not all that was started came to its end.')
  }
}
