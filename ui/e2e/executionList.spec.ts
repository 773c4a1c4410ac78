import { readFile } from 'node:fs/promises'

import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'

import { faultsOf } from './bothSizes'
import { pictured } from './pictures'
import type { Product } from './product'
import { endAll, staged, type Endings } from './stage'

let product: Product
let page: Page
let complaints: string[]
const endings: Endings = []
const rows = () => page.getByRole('main').locator('.row')

beforeAll(async () => {
  ;({ product, page, complaints } = await staged(endings))
  await page.goto(await product.loginLink())
  await page.getByRole('link', { name: 'Research assistant' }).first().waitFor()
  const { items } = (await (await page.request.get(`${product.address}/api/agents`)).json()) as {
    items: { id: string }[]
  }
  for (const query of [
    'What survives?',
    'What survives the night?',
    'What survives the winter?',
    'Who looked?',
  ]) {
    await page.request.post(`${product.address}/api/agents/${items[0]?.id ?? ''}/executions`, {
      data: { input_data: { query } },
    })
  }
  await page.goto(`${product.address}/executions?status=completed`)
  await rows().nth(3).waitFor()
})

afterAll(() => endAll(endings))

async function lookedAt(name: string): Promise<void> {
  expect(await faultsOf(page)).toEqual([])
  await pictured(page, name)
}

test('the list is sorted by its columns, and narrowed to days from a calendar', async () => {
  await page.goto(`${product.address}/executions`)
  await page.getByRole('button', { name: 'Time', exact: true }).click()
  await page.waitForURL('**/executions?sort=longest')
  await page.getByRole('button', { name: 'Time, descending' }).click()
  await page.waitForURL('**/executions?sort=shortest')
  await page.getByRole('button', { name: /^Time: / }).click()
  await page.getByRole('menuitemradio', { name: 'Between dates…' }).click()
  await page.getByRole('button', { name: 'Calendar: From' }).click()
  await page.locator('.calendar-day[data-today]').click()

  await page.waitForURL(/since=\d{4}-\d{2}-\d{2}/)
  await rows().filter({ hasText: 'What survives?' }).first().waitFor()
  await page.keyboard.press('Escape')
  await lookedAt('executions-days')
  await page.getByRole('button', { name: 'Clear all' }).click()
  await page.waitForURL('**/executions?sort=shortest')
})

test('several executions are selected by the keyboard, exported and deleted', async () => {
  await page.goto(`${product.address}/executions?q=survives`)
  await rows().nth(1).waitFor()
  const count = await rows().count()
  await page.keyboard.press('j')
  await page.keyboard.press('x')
  await page.keyboard.press('j')
  await page.keyboard.press('x')
  await page.getByText('2 selected').waitFor()
  await lookedAt('executions-selected')

  const coming = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Export 2' }).click()
  const exported = JSON.parse(await readFile(await (await coming).path(), 'utf8')) as { events: unknown[] }[]
  expect(exported.map(({ events }) => events.length > 3)).toEqual([true, true])
  await page.getByRole('button', { name: 'Delete 2' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()

  await page.getByText('2 executions deleted', { exact: true }).waitFor()
  await vi.waitFor(async () => {
    expect(await page.locator('.row').count()).toBe(count - 2)
  })
})

test('the console has no errors', () => {
  expect(complaints).toEqual([])
})
