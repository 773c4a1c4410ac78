/** The product with a model, and a browser to look at it. */
import { chromium, type Browser } from 'playwright-core'

import { findChromium, FLAGS } from './chromium'
import { ModelServer } from './modelServer'
import { Product } from './product'

export interface Modelled {
  model: ModelServer
  product: Product
  browser: Browser
}

/** Starts all three; what ends them is added to `endings` as each has started, to be called last first. */
export async function modelled(endings: (() => Promise<void>)[]): Promise<Modelled> {
  const model = await ModelServer.start()
  endings.push(() => model.stop())
  const product = await Product.start({
    DYNAVERA_GENERATOR: 'openai:test',
    OPENAI_BASE_URL: model.baseUrl,
    OPENAI_API_KEY: 'test',
  })
  endings.push(() => product.stop())
  const browser = await chromium.launch({ executablePath: findChromium() ?? '', args: FLAGS })
  endings.push(() => browser.close())
  return { model, product, browser }
}
