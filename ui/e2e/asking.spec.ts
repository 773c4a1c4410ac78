import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'

import { violations } from './accessibility'
import type { ModelServer } from './modelServer'
import { pictured } from './pictures'
import type { Product } from './product'
import { endAll, modelled, type Endings } from './stage'

let model: ModelServer
let product: Product
let page: Page
let complaints: string[]
const endings: Endings = []

beforeAll(async () => {
  ;({ model, product, page, complaints } = await modelled(endings))
})

afterAll(() => endAll(endings))

const answer = () => page.getByRole('region', { name: 'Answer' })
const execution = () => page.getByRole('article', { name: 'Execution' })
const health = () => page.getByRole('status', { name: 'Health' })
const log = () => page.getByRole('log').getByRole('listitem')

async function ask(question: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Question' }).fill(question)
  await page.getByRole('button', { name: 'Ask', exact: true }).click()
  await page.getByRole('heading', { name: question }).waitFor()
}

async function answered(): Promise<string> {
  return (await answer().innerText()).replaceAll('\u00a0', ' ')
}

/** The model's text as it is shown: markers of known sources are links without brackets. */
function shown(text: string): string {
  return text.replaceAll(/\[(\d+)\]/g, '$1')
}

/** Holds what the log says of the answer and all that follows it, until the result is called. */
async function withoutDeltas(there: Page): Promise<() => void> {
  let held: (() => void)[] | null = []
  await there.routeWebSocket(/\/ws\/agents\//, (socket) => {
    const server = socket.connectToServer()
    server.onMessage((message) => {
      const said = JSON.parse(message.toString()) as { type: string; event_type?: string }
      if (held !== null && (held.length > 0 || said.event_type === 'delta') && said.type !== 'preview') {
        held.push(() => {
          socket.send(message)
        })
      } else {
        socket.send(message)
      }
    })
  })
  return () => {
    held?.forEach((send) => {
      send()
    })
    held = null
  }
}

async function lines(): Promise<string[]> {
  return log().allInnerTexts()
}

test('the log-in page opens without a session', async () => {
  await page.goto(product.address)

  await page.getByRole('heading', { name: 'Log in' }).waitFor()
  expect(await violations(page)).toEqual([])
  await pictured(page, 'login')
})

test('the log-in link logs in and leaves no code in the URL', async () => {
  await page.goto(await product.loginLink())

  await page.getByRole('link', { name: 'Research assistant' }).waitFor()
  expect(page.url()).toBe(`${product.address}/`)
  expect(await violations(page)).toEqual([])
  await pictured(page, 'agents')
})

test('a new agent opens with the question field', async () => {
  await page.getByRole('button', { name: 'New agent' }).click()
  await page.getByLabel('Name', { exact: true }).fill('Browser test')
  await page.getByText('Retrieval and generation').click()
  await page.getByLabel('Maximum answer length').fill('2000')
  expect(await violations(page)).toEqual([])
  await pictured(page, 'new-agent')
  await page.getByRole('button', { name: 'Create agent' }).click()

  await page.getByRole('heading', { name: 'Browser test' }).waitFor()
  await page.getByText('Ask the first question').waitFor()
  await page.getByText('Live', { exact: true }).waitFor()
})

test('the answer grows while the model writes, and cites its sources', async () => {
  model.delayMilliseconds = 60
  model.sentences = 3
  await ask('What is fNIRS?')

  await answer().waitFor()
  const lengths = new Set<number>()
  while ((await answer().getAttribute('aria-busy')) === 'true') {
    lengths.add((await answered()).length)
  }

  expect(lengths.size).toBeGreaterThan(5)
  expect(await answered()).toBe(shown(model.text))
  await execution().getByText('Completed').first().waitFor()
  await execution().getByRole('button', { name: /^Log/ }).click()
  await log().first().waitFor()
  expect((await lines()).at(-1)).toContain('Completed')
  await answer().getByRole('link').first().click()
  await page.getByRole('dialog').getByText('Unchanged in the document.').waitFor()
  expect(await violations(page)).toEqual([])
  await pictured(page, 'answered')
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
})

test('what the model says is shown before the log has it, and once after', async () => {
  model.sentences = 6
  const other = await page.context().newPage()
  const release = await withoutDeltas(other)
  await other.goto(page.url())
  await other.getByText('Live', { exact: true }).waitFor()
  const shownThere = other.getByRole('region', { name: 'Answer' })
  await ask('How deep?')

  await other.getByRole('heading', { name: 'How deep?' }).waitFor()
  await shownThere.getByText('blood').waitFor()
  release()

  await other.getByRole('article', { name: 'Execution' }).getByText('Completed').first().waitFor()
  expect((await shownThere.innerText()).replaceAll('\u00a0', ' ')).toBe(shown(model.text))
  await other.close()
})

test('Stop keeps the partial answer and stops the model', async () => {
  model.sentences = 100
  await ask('Which artefacts does movement cause?')
  await answer().getByText('blood').waitFor()
  await pictured(page, 'running')

  await page.getByRole('button', { name: 'Stop' }).click()

  await execution().getByText('Stopped', { exact: true }).first().waitFor()
  expect((await lines()).at(-1)).toContain('Stopped')
  await page.getByText('Stopped here: the answer is incomplete.').waitFor()
  await execution()
    .getByText(/^stopped in .*, \d+ characters kept$/)
    .waitFor()
  expect(shown(model.text).startsWith((await answered()).trim())).toBe(true)
  await vi.waitFor(() => {
    expect(model.abandoned).toBe(1)
  })
  expect(await violations(page)).toEqual([])
  await pictured(page, 'stopped')
})

test('Retry asks again and shows the new answer as it grows', async () => {
  model.sentences = 3
  const stopped = page.url()
  await page.getByRole('button', { name: 'Retry' }).click()

  await execution().getByText('Completed').first().waitFor()
  expect(page.url()).not.toBe(stopped)
  expect(await answered()).toBe(shown(model.text))
  await page.getByRole('heading', { name: 'Which artefacts does movement cause?' }).waitFor()
})

test('a reload during an answer shows the same log without duplicates', async () => {
  model.sentences = 12
  await ask('How deep does the light go?')
  await answer().getByText('blood').waitFor()
  const before = await lines()
  const written = await answered()

  await page.reload()
  await page.getByRole('heading', { name: 'How deep does the light go?' }).waitFor()
  await answer().waitFor()

  expect((await lines()).slice(0, before.length)).toEqual(before)
  await vi.waitFor(async () => {
    expect((await answered()).length).toBeGreaterThan(written.length)
  })
  await execution().getByText('Completed').first().waitFor({ timeout: 60_000 })
  expect(await answered()).toBe(shown(model.text))
  const live = await lines()
  await page.reload()
  await execution().getByText('Completed').first().waitFor()
  expect(await lines()).toEqual(live)
})

test('the page follows a long answer on a phone until the user scrolls up', async () => {
  await page.setViewportSize({ width: 390, height: 844 })
  model.sentences = 60
  await ask('Is it in view?')
  await answer().getByText('blood').waitFor()
  const endOfAnswer = async () => answer().evaluate((one) => one.getBoundingClientRect().bottom)
  await vi.waitFor(
    async () => {
      expect((await answered()).length).toBeGreaterThan(1_500)
    },
    { timeout: 30_000 },
  )
  expect(await endOfAnswer()).toBeLessThan(844)
  expect(await page.getByRole('button', { name: 'Stop' }).isVisible()).toBe(true)

  await page.mouse.move(200, 400)
  await page.mouse.wheel(0, -600)
  const jump = page.getByRole('button', { name: 'Jump to latest' })
  await jump.waitFor()
  const top = await page.evaluate('scrollY')
  const length = (await answered()).length
  await vi.waitFor(async () => {
    expect((await answered()).length).toBeGreaterThan(length)
  })
  expect(await page.evaluate('scrollY')).toBe(top)

  await jump.click()
  expect(await endOfAnswer()).toBeLessThan(844)
  await page.getByRole('button', { name: 'Stop' }).click()
  await execution().getByText('Stopped', { exact: true }).first().waitFor()
  await page.setViewportSize({ width: 1440, height: 900 })
})

test('the log continues after the API was killed during an answer', async () => {
  model.sentences = 12
  await ask('Who looked first?')
  await answer().getByText('blood').waitFor()

  await product.kill('api')
  await page.getByText('Reconnecting…', { exact: true }).waitFor()
  await health().getByText('Can’t reach Dynavera.').waitFor({ timeout: 3_000 })
  await page.getByText('Live', { exact: true }).waitFor({ timeout: 30_000 })

  await execution().getByText('Completed').first().waitFor({ timeout: 60_000 })
  expect(await answered()).toBe(shown(model.text))
  const live = await lines()
  await page.reload()
  await execution().getByText('Completed').first().waitFor()
  expect(await lines()).toEqual(live)
})

test('an earlier execution shows its own answer', async () => {
  model.sentences = 3
  await page
    .getByRole('navigation', { name: 'Executions' })
    .getByRole('link', { name: 'What is fNIRS?' })
    .click()

  await page.getByRole('heading', { name: 'What is fNIRS?' }).waitFor()
  expect(await answered()).toBe(shown(model.text))
})

test('a queued execution shows that no worker is running, and starts with one', async () => {
  model.sentences = 3
  const worker = await product.freeze('worker')
  await page.getByText('Live', { exact: true }).waitFor()
  await health().getByText('No worker is running').waitFor({ timeout: 12_000 })
  await ask('Is anybody there?')

  await execution().getByText('Waiting: no worker is running', { exact: true }).waitFor()
  expect(await violations(page)).toEqual([])
  await pictured(page, 'no-worker')
  worker.thaw()

  await execution().getByText('Completed').first().waitFor({ timeout: 60_000 })
  await health().getByText('No worker is running').waitFor({ state: 'detached' })
})

test('the list of agents shows executions that are started elsewhere', async () => {
  model.sentences = 12
  const other = await page.context().newPage()
  await other.goto(product.address)
  const row = other.getByRole('listitem').filter({ hasText: 'Browser test' })
  await row.getByText('Completed').waitFor()

  await ask('What is seen from here?')

  await row.getByText('Running').first().waitFor({ timeout: 5_000 })
  await row.getByText('Completed').waitFor({ timeout: 60_000 })
  await other.close()
})

test('the console has no errors', () => {
  expect(complaints).toEqual([])
})
