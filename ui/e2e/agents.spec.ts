import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { faultsOf } from './bothSizes'
import type { ModelServer } from './modelServer'
import { pictured } from './pictures'
import type { Product } from './product'
import { endAll, modelled, type Endings } from './stage'

const HOSTILE = '<img src=x onerror="window.hacked = 1"> & <script>window.hacked = 1</script>'

let model: ModelServer
let product: Product
let page: Page
let complaints: string[]
const endings: Endings = []

beforeAll(async () => {
  // A new instance has a model only for the agents that ask for it.
  ;({ model, product, page, complaints } = await modelled(endings, { DYNAVERA_GENERATOR: 'extractive' }))
})

afterAll(() => endAll(endings))

const row = (name: string) => page.getByRole('listitem').filter({ hasText: name })
const dialog = (name: string) => page.getByRole('dialog', { name })
const toAgents = () => page.goto(product.address)

/** By the Tab key, to what is called so. */
async function tabTo(name: string): Promise<void> {
  const reached = `(document.activeElement.labels?.[0] ?? document.activeElement).textContent.trim() === ${JSON.stringify(name)}`
  for (let presses = 0; presses < 60 && !(await page.evaluate<boolean>(reached)); presses += 1) {
    await page.keyboard.press('Tab')
  }
  expect(await page.evaluate<boolean>(reached)).toBe(true)
}

async function choose(agent: string, item: string): Promise<void> {
  await page.getByRole('button', { name: `Actions for ${agent}` }).click()
  await page.getByRole('menuitem', { name: item }).click()
}

test('the first question of a new instance takes one click', async () => {
  await page.goto(await product.loginLink())
  await page.getByText('No language model is configured').waitFor()
  expect(await faultsOf(page)).toEqual([])
  await pictured(page, 'first-question')

  await page.getByRole('button', { name: 'What is fNIRS?' }).click()

  await page.getByRole('heading', { name: 'What is fNIRS?' }).waitFor()
  await page.getByText('Completed').first().waitFor()
})

test('an agent shows its last question', async () => {
  await toAgents()

  await row('Research assistant').getByRole('link', { name: 'What is fNIRS?' }).waitFor()
  await row('Research assistant').getByText('Completed').waitFor()
  expect(await page.getByRole('heading', { name: 'Ask the first question' }).count()).toBe(0)
})

test('an agent is created by keyboard, with errors shown at their fields', async () => {
  await tabTo('New agent')
  await page.keyboard.press('Enter')
  await page.waitForFunction('document.activeElement.labels?.[0]?.textContent === "Name"')
  await page.keyboard.type('Lab guide')
  await tabTo('Temperature')
  await page.keyboard.press('Control+A')
  await page.keyboard.type('9')
  await page.getByText('A number from 0 to 2.').waitFor()
  expect(await faultsOf(page)).toEqual([])
  await pictured(page, 'agent-form')
  await page.keyboard.press('Control+A')
  await page.keyboard.type('0.5')
  await page.keyboard.press('Enter')

  await page.getByRole('heading', { name: 'Lab guide' }).waitFor()
  await page.getByRole('list', { name: 'Settings' }).getByText('temperature 0.5').waitFor()
})

test('an agent is edited on its own page', async () => {
  await page.getByRole('button', { name: 'Edit', exact: true }).click()
  await page.getByLabel('Description').fill(HOSTILE)
  await page.getByLabel('Instructions').fill(HOSTILE)
  await page.getByLabel('Generator').selectOption({ label: 'Other…' })
  await page.getByLabel('Name of the generator').fill('openai:test')
  await page.getByRole('button', { name: 'Save' }).click()

  await page.getByText(HOSTILE).waitFor()
  await page.getByRole('list', { name: 'Settings' }).getByText('openai:test').waitFor()
  expect(await page.evaluate('window.hacked')).toBeUndefined()
})

test('a duplicate has all settings of the original', async () => {
  await toAgents()
  await choose('Lab guide', 'Duplicate')
  expect(await page.getByLabel('Instructions').inputValue()).toBe(HOSTILE)
  await page.getByLabel('Name', { exact: true }).fill(HOSTILE)
  await page.getByRole('button', { name: 'Create agent' }).click()

  await page.getByRole('heading', { name: HOSTILE }).waitFor()
  await toAgents()
  await page.getByRole('link', { name: HOSTILE, exact: true }).waitFor()
  expect(await page.evaluate('window.hacked')).toBeUndefined()
  expect(await faultsOf(page)).toEqual([])
  await pictured(page, 'agents')
})

test('/ starts a search for agents', async () => {
  await page.keyboard.press('/')
  await page.keyboard.type('spectroscopy')

  await expect
    .poll(() => page.getByRole('list', { name: 'Agents' }).getByRole('link').allInnerTexts())
    .toEqual(['Research assistant', 'What is fNIRS?'])
  await page.keyboard.press('Escape')
  await row('Lab guide').first().waitFor()
})

test('Undo restores a deleted agent', async () => {
  const name = page.getByRole('link', { name: 'Lab guide', exact: true })
  await choose('Lab guide', 'Delete')
  await name.waitFor({ state: 'detached' })
  expect(await faultsOf(page)).toEqual([])
  await page.getByRole('button', { name: 'Undo' }).click()
  await name.waitFor()

  await choose('Lab guide', 'Delete')
  await name.waitFor({ state: 'detached' })
  await page.reload()

  await page.getByRole('link', { name: HOSTILE, exact: true }).waitFor()
  expect(await name.count()).toBe(0)
})

test('a running agent is not deleted before its execution is stopped', async () => {
  model.delayMilliseconds = 60
  model.sentences = 200
  await page.getByRole('link', { name: HOSTILE, exact: true }).click()
  await page.getByRole('textbox', { name: 'Question' }).fill('Who looked first?')
  await page.getByRole('button', { name: 'Ask' }).click()
  await page.getByText('Running').first().waitFor()
  await page.getByRole('button', { name: `Actions for ${HOSTILE}` }).click()
  await page.getByRole('menuitem', { name: 'Delete' }).click()

  await dialog('Delete agent').getByRole('button', { name: 'Delete' }).click()
  await dialog('Delete agent').getByText('agent_busy').waitFor()
  expect(await faultsOf(page)).toEqual([])
  await pictured(page, 'agent-busy')
  await dialog('Delete agent').getByRole('link', { name: 'Who looked first?' }).click()
  await page.getByRole('button', { name: 'Stop' }).click()
  await page.getByText('Stopped', { exact: true }).first().waitFor()
  await toAgents()
  await choose(HOSTILE, 'Delete')
  await dialog('Delete agent').getByRole('button', { name: 'Delete' }).click()

  await page.getByRole('link', { name: HOSTILE, exact: true }).waitFor({ state: 'detached' })
})

test('the console has no errors', () => {
  expect(complaints).toEqual([])
})
