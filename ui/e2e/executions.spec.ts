import { readFile } from 'node:fs/promises'

import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'

import { violations } from './accessibility'
import type { ModelServer } from './modelServer'
import { pictured } from './pictures'
import type { Product } from './product'
import { endAll, modelled, type Endings } from './stage'

const WIDE = { width: 1440, height: 900 }
const NARROW = { width: 390, height: 844 }
const HOSTILE_NAME = '<img src=x onerror="window.broken=1"> ‮gnp.tnega'
const HOSTILE = [
  '## Light <script>window.broken=1</script>',
  '<img src=x onerror="window.broken=1"> and [a link](javascript:window.broken=1) and ![a picture](https://evil.example/p.png)',
  '[1]: javascript:window.broken=1',
  '- **Blood** absorbs it [1].\n- <svg onload="window.broken=1"></svg>',
  '| a | b |\n|---|---|\n| 1 | <iframe src="javascript:parent.broken=1"></iframe> |',
].join('\n\n')

let model: ModelServer
let product: Product
let page: Page
let agentId: string
let complaints: string[]
const abroad: string[] = []
const endings: Endings = []

beforeAll(async () => {
  ;({ model, product, page, complaints } = await modelled(endings))
  page.on('request', (request) => {
    if (!request.url().startsWith(product.address) && !/^(blob|data):/.test(request.url())) {
      abroad.push(request.url())
    }
  })
  await page.goto(await product.loginLink())
  await page.getByRole('link', { name: 'Research assistant' }).first().waitFor()
  const made = await page.request.post(`${product.address}/api/agents`, {
    data: { name: HOSTILE_NAME, max_tokens: 4_000 },
  })
  agentId = ((await made.json()) as { id: string }).id
})

afterAll(() => endAll(endings))

const answer = () => page.getByRole('region', { name: 'Answer' })
const execution = () => page.getByRole('article', { name: 'Execution' })
const rows = () => page.getByRole('main').locator('.row')
const log = () => page.getByRole('log')

async function openAgent(): Promise<void> {
  await page.goto(`${product.address}/agents/${agentId}`)
  await page.getByText('Live', { exact: true }).first().waitFor()
}

async function ask(question: string): Promise<string> {
  await page.getByRole('textbox', { name: 'Question' }).fill(question)
  await page.keyboard.press('Enter')
  await execution().getByRole('heading', { name: question }).waitFor()
  return new URL(page.url()).searchParams.get('execution') ?? ''
}

/** On the page of an agent other executions may have ended before. */
async function ended(where = page.getByRole('main')): Promise<void> {
  await where.getByText('Completed', { exact: true }).first().waitFor({ timeout: 60_000 })
  await answer().and(page.locator('[aria-busy="false"]')).waitFor()
}

/** All of the log, its pieces of the answer too. */
async function lines(): Promise<string[]> {
  const fold = execution().getByRole('button', { name: /^Log/ })
  if ((await fold.getAttribute('aria-expanded')) === 'false') {
    await fold.click()
  }
  await page.getByRole('button', { name: /^Deltas/, pressed: false }).click()
  const seen = new Map<number, string>()
  await log().evaluate((list) => {
    list.scrollTop = 0
  })
  let size = Infinity
  while (seen.size < size) {
    await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))')
    for (const line of await log().getByRole('listitem').all()) {
      size = Number(await line.getAttribute('aria-setsize'))
      seen.set(Number(await line.getAttribute('aria-posinset')), await line.innerText())
    }
    await log().evaluate((list) => {
      list.scrollTop += list.clientHeight / 2
    })
  }
  return [...seen].sort(([one], [other]) => one - other).map(([, line]) => line)
}

async function lookedAt(name: string): Promise<void> {
  for (const size of [NARROW, WIDE]) {
    await page.setViewportSize(size)
    expect(await violations(page)).toEqual([])
    const isTooWide = await page.evaluate<boolean>('document.documentElement.scrollWidth > innerWidth')
    expect(isTooWide, `${name} is wider than ${size.width} px`).toBe(false)
  }
  await pictured(page, name)
}

test('scripts in an answer are shown as text', async () => {
  model.delayMilliseconds = 15
  model.words = HOSTILE
  await openAgent()
  await ask('<script>window.broken=1</script> What is fNIRS? {{1+1}}')

  await ended(execution())
  await answer().getByRole('table').waitFor()
  expect(await answer().innerText()).toContain('<script>window.broken=1</script>')
  expect(await answer().locator('script, img, iframe, svg, [onerror], [onload]').count()).toBe(0)
  expect(await answer().locator('a[href^="javascript"]').count()).toBe(0)
  await lookedAt('hostile')
})

test('a marker opens its source, highlighted in its document', async () => {
  await answer()
    .getByRole('link', { name: /^Source 1/ })
    .first()
    .click()

  const source = page.getByRole('dialog')
  await source.getByText('Unchanged in the document.').waitFor()
  await vi.waitFor(async () => {
    const { top = -1 } =
      (await source
        .locator('mark')
        .boundingBox()
        .then((box) => box && { top: box.y })) ?? {}
    expect(top).toBeGreaterThan(0)
    expect(top).toBeLessThan(WIDE.height)
  })
  expect(await source.getByRole('region', { name: 'Document' }).innerText()).toMatch(/\S/)
  await lookedAt('source')

  await source.getByRole('button', { name: 'Next' }).click()
  await source.getByText('Source 2 of').waitFor()
  await page.keyboard.press('Escape')
  await source.waitFor({ state: 'detached' })
})

test('invalid JSON shows the position of the error', async () => {
  await page.getByRole('tab', { name: 'JSON' }).click()
  const field = page.getByRole('textbox', { name: 'Input as JSON' })

  await field.fill('{\n  "query": "Why?"\n  "language": "en"\n}')

  await page.getByText('Line 3, column 3: A comma is missing here.').waitFor()
  await lookedAt('json')
  await field.fill('{"query": "Why in JSON?", "language": "en"}')
  await page.getByText('A JSON object with a').waitFor()
  await page.getByRole('tab', { name: 'Question' }).click()
})

test('two concurrent executions of an agent have complete logs', async () => {
  model.words = null
  model.delayMilliseconds = 40
  model.sentences = 14
  await openAgent()
  const history = page.getByRole('navigation', { name: 'Executions' })

  const first = await ask('Who looked first?')
  await answer().getByText('blood').first().waitFor()
  const second = await ask('Who looked second?')
  await answer().getByText('blood').first().waitFor()
  expect(await history.getByText('Running', { exact: true }).count()).toBe(2)
  await history
    .getByRole('link', { name: /Who looked first/ })
    .getByText(/…/)
    .waitFor()
  await pictured(page, 'two-running')
  await history.getByRole('link', { name: /Who looked first/ }).click()
  await execution().getByRole('heading', { name: 'Who looked first?' }).waitFor()
  expect(await answer().getAttribute('aria-busy')).toBe('true')

  await ended(execution())
  for (const id of [first, second]) {
    await history.locator(`a[href*="${id}"]`).click()
    await ended(execution())
    await vi.waitFor(async () => {
      expect((await answer().innerText()).replaceAll('\u00a0', ' ')).toBe(
        model.text.replaceAll(/\[(\d)\]/g, '$1'),
      )
    })
    const live = await lines()
    await page.reload()
    await ended(execution())
    expect(await lines()).toEqual(live)
    await openAgent()
  }
})

test('the page of an execution continues after the API was killed during an answer', async () => {
  model.sentences = 12
  const id = await ask('What survives?')
  await page.getByRole('link', { name: 'Details' }).click()
  await page.waitForURL(`**/executions/${id}`)
  await answer().getByText('blood').first().waitFor()

  await product.kill('api')
  await page.getByText('Connection lost; reconnecting…').waitFor({ timeout: 3_000 })

  await ended()
  expect((await answer().innerText()).replaceAll('\u00a0', ' ')).toBe(
    model.text.replaceAll(/\[(\d)\]/g, '$1'),
  )
  const live = await lines()
  await page.reload()
  await ended()
  expect(await lines()).toEqual(live)
})

test('the page of an execution shows its timeline', async () => {
  const timeline = page.getByRole('table', { name: 'Timeline' })

  await timeline.getByRole('rowheader', { name: 'Queued' }).waitFor()
  await timeline.getByRole('rowheader', { name: 'Writing' }).waitFor()
  expect(await page.getByText('Tokens per second').locator('..').innerText()).toMatch(/\d/)
  expect(await page.getByRole('link', { name: /Open in Temporal/ }).getAttribute('href')).toMatch(/^http/)
  await lookedAt('execution')
})

test('an execution is exported as JSON and as Markdown', async () => {
  const saved = async (item: string) => {
    await page.getByRole('button', { name: 'Export' }).click()
    const coming = page.waitForEvent('download')
    await page.getByRole('menuitem', { name: item }).click()
    const download = await coming
    return { name: download.suggestedFilename(), text: await readFile(await download.path(), 'utf8') }
  }

  const json = await saved('JSON')
  const markdown = await saved('Markdown')

  const exported = JSON.parse(json.text) as { execution: { status: string }; events: { sequence: number }[] }
  expect(json.name).toMatch(/^execution-[\da-f-]+\.json$/)
  expect(exported.execution.status).toBe('completed')
  expect(exported.events.map(({ sequence }) => sequence)).toEqual(
    exported.events.map((_, index) => index + 1),
  )
  expect(markdown.name).toMatch(/\.md$/)
  expect(markdown.text).toContain('# What survives?')
  expect(markdown.text).toContain(model.text)
  expect(markdown.text).toContain('## Sources')
})

test('an execution is printed in the light theme with its answer, sources and settings', async () => {
  await page.emulateMedia({ media: 'print', colorScheme: 'dark' })

  expect(await answer().isVisible()).toBe(true)
  expect(await page.getByRole('heading', { name: 'Sources' }).isVisible()).toBe(true)
  expect(await page.getByRole('heading', { name: 'Settings' }).isVisible()).toBe(true)
  for (const left of [
    page.getByRole('banner'),
    page.locator('.timeline'),
    page.getByRole('button', { name: /^Log/ }),
    log(),
  ]) {
    expect(await left.isVisible()).toBe(false)
  }
  const ink = await answer().evaluate((one) => getComputedStyle(one).color)
  expect(ink).toBe('rgb(27, 29, 30)')
  await page.emulateMedia({ media: null, colorScheme: null })
})

test('an execution is retried and compared with the first', async () => {
  model.sentences = 5
  await page.getByRole('button', { name: 'Retry' }).click()
  await page.getByRole('link', { name: 'Retry of an earlier execution' }).waitFor()
  await ended()

  await page.getByRole('link', { name: 'Compare' }).click()

  await page.getByText(/% of the words in common/).waitFor()
  expect(await page.getByRole('article').count()).toBe(2)
  await page.getByRole('table', { name: 'Settings' }).waitFor()
  await lookedAt('compare')
})

test('another execution to compare with is picked from those of the agent', async () => {
  const address = new URL(page.url())
  address.searchParams.delete('b')
  await page.goto(address.href)

  await page.getByText('Who looked first?').waitFor()
  await lookedAt('pick')
  await page.getByRole('button', { name: /Who looked first/ }).click()

  await page.getByRole('article', { name: 'Right' }).getByText('Who looked first?').waitFor()
})

test('all executions are listed, and filtered by the URL', async () => {
  await page.getByRole('link', { name: 'Executions' }).first().click()
  await rows().filter({ hasText: 'What survives?' }).first().waitFor()
  await lookedAt('executions')

  await page.getByRole('searchbox', { name: 'Search questions' }).fill('looked')
  await rows().filter({ hasText: 'What survives?' }).first().waitFor({ state: 'detached' })
  await page
    .getByRole('group', { name: 'Status' })
    .getByRole('button', { name: /^Completed/ })
    .click()
  await page.waitForURL('**/executions?q=looked&status=completed')
  expect(await rows().count()).toBe(2)
  await page.reload()
  await rows().filter({ hasText: 'Who looked first?' }).waitFor()
  expect(await page.getByRole('searchbox', { name: 'Search questions' }).inputValue()).toBe('looked')
  await page
    .getByRole('group', { name: 'Status' })
    .getByRole('button', { name: /^Failed/ })
    .click()
  await page.getByRole('heading', { name: 'No executions match these filters' }).waitFor()
  await page.getByRole('button', { name: 'Clear filters' }).click()
  await rows().filter({ hasText: 'What survives?' }).first().waitFor()
})

test('an execution that is started elsewhere appears in the list and can be stopped there', async () => {
  model.sentences = 200
  await page.request.post(`${product.address}/api/agents/${agentId}/executions`, {
    data: { input_data: { query: 'Started elsewhere?' } },
  })
  const row = rows().filter({ hasText: 'Started elsewhere?' })

  await row.getByText('Running', { exact: true }).waitFor()
  await row.getByRole('button', { name: /^Stop/ }).click()

  await row.getByText('Stopped', { exact: true }).waitFor()
  expect(await rows().first().innerText()).toContain('Started elsewhere?')
})

test('a missing execution has its own page', async () => {
  await page.goto(`${product.address}/executions/01900000-0000-7000-8000-000000000000`)

  await page.getByRole('heading', { name: 'There is no such execution' }).waitFor()
  await lookedAt('missing-execution')
})

test('no script ran, nothing was fetched from other hosts, and the console has no errors', async () => {
  await openAgent()
  await page.getByRole('navigation', { name: 'Executions' }).getByRole('link', { name: /1\+1/ }).click()
  await answer().getByRole('table').waitFor()

  expect(await page.evaluate('window.broken')).toBeUndefined()
  expect(abroad).toEqual([])
  expect(complaints).toEqual([])
})
