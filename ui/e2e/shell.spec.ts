import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { violations } from './accessibility'
import { pictured } from './pictures'
import type { Product } from './product'
import { endAll, staged, type Endings } from './stage'

const WIDE = { width: 1440, height: 900 }
const NARROW = { width: 390, height: 844 }
const SHOWN_WITHIN = 3_000

let product: Product
let page: Page
let complaints: string[]
const endings: Endings = []

beforeAll(async () => {
  ;({ product, page, complaints } = await staged(endings))
})

afterAll(() => endAll(endings))

const health = () => page.getByRole('status', { name: 'Health' })
const heading = (name: string) => page.getByRole('heading', { name, level: 1 })

/** What axe has against the page, and what sticks out of it, at both ends of what people have. */
async function faults(): Promise<string[]> {
  const found: string[] = []
  for (const size of [NARROW, WIDE]) {
    await page.setViewportSize(size)
    found.push(...(await violations(page)))
    const tooWide = await page.evaluate('document.documentElement.scrollWidth - window.innerWidth')
    if (tooWide !== 0) {
      found.push(`${size.width}: the page is ${String(tooWide)} px too wide`)
    }
  }
  return found
}

async function look(name: string): Promise<void> {
  expect(await faults()).toEqual([])
  await pictured(page, name)
}

test('after the log-in the requested page opens', async () => {
  await page.goto(`${product.address}/system`)
  await heading('Log in').waitFor()
  await look('login')

  const code = new URL(await product.loginLink()).hash
  await page.goto(`${product.address}/login?next=/system${code}`)

  await heading('System').waitFor()
  expect(page.url()).toBe(`${product.address}/system`)
})

describe('the system page', () => {
  test('shows each part, the models in use and the link to Temporal Web', async () => {
    const parts = page.getByRole('list', { name: 'Services' })
    await parts.getByText('Healthy').nth(4).waitFor()
    await page.getByText('wordllama').waitFor()

    const link = page.getByRole('link', { name: /^http:\/\/127\.0\.0\.1:\d+$/ })
    expect((await fetch((await link.getAttribute('href')) ?? '')).ok).toBe(true)
  })

  test('creates a working key with any name, and revokes it', async () => {
    const name = '<img src=x onerror="window.hurt = true">'
    await page.getByLabel('New API key').fill(name)
    await page.getByRole('button', { name: 'Create key' }).click()
    const secret = await page.locator('.secret').innerText()
    const asked = () =>
      fetch(`${product.address}/api/me`, { headers: { authorization: `Bearer ${secret}` } }).then(
        ({ status }) => status,
      )
    expect(await asked()).toBe(200)
    await look('system')

    await page.getByRole('button', { name: `Revoke ${name}` }).click()
    await page.getByRole('dialog', { name: 'Revoke this key?' }).waitFor()
    await look('revoke')
    await page.getByRole('button', { name: 'Revoke', exact: true }).click()

    // What is shown and what is read out.
    await page
      .getByRole('region', { name: /^Notifications/ })
      .getByText(`“${name}” revoked`)
      .waitFor()
    await page
      .locator('[role="alert"][aria-live="polite"]')
      .getByText('revoked')
      .waitFor({ state: 'attached' })
    expect(await faults()).toEqual([])
    expect(await asked()).toBe(401)
    expect(await page.evaluate('window.hurt')).toBeUndefined()
  })
})

describe('the sessions', () => {
  test('are listed, and ending that of another browser shows its log-in page', async () => {
    const browser = page.context().browser()
    const elsewhere = await (await browser!.newContext()).newPage()
    await elsewhere.goto(await product.loginLink())
    await elsewhere.getByRole('heading', { name: 'Agents' }).waitFor()

    await page.reload()
    const sessions = page.getByRole('list', { name: 'Sessions' })
    await sessions.getByRole('button', { name: /^Log out Chrome on/ }).waitFor()
    expect(await sessions.getByText('this browser').count()).toBe(1)
    await look('sessions')
    await page.getByRole('button', { name: 'Log out everywhere else' }).click()

    await sessions.getByRole('button', { name: /^Log out Chrome/ }).waitFor({ state: 'detached' })
    await elsewhere.reload()
    await elsewhere.getByRole('heading', { name: 'Log in' }).waitFor()
    await elsewhere.context().close()
    await page.reload()
    await heading('System').waitFor()
  })

  test('end with the key that created them', async () => {
    await page.getByLabel('New API key').fill('laptop')
    await page.getByRole('button', { name: 'Create key' }).click()
    const key = await page.locator('.secret').innerText()
    const browser = page.context().browser()
    const laptop = await (await browser!.newContext()).newPage()
    await laptop.goto(`${product.address}/login`)
    await laptop.getByLabel('API key').fill(key)
    await laptop.getByRole('button', { name: 'Log in' }).click()
    await laptop.getByRole('heading', { name: 'Agents' }).waitFor()
    await page.reload()

    await page.getByRole('button', { name: 'Revoke laptop' }).click()
    await page.getByText('One browser logged in with it will be logged out.').waitFor()
    await look('revoke-with-session')
    await page.getByRole('button', { name: 'Revoke', exact: true }).click()

    await page.getByRole('button', { name: /^Log out Chrome/ }).waitFor({ state: 'detached' })
    await laptop.reload()
    await laptop.getByRole('heading', { name: 'Log in' }).waitFor()
    await laptop.context().close()
  })
})

describe('the navigation', () => {
  test('works by keyboard, and marks the current page', async () => {
    for (const [keys, name] of [
      ['ga', 'Agents'],
      ['ge', 'Executions'],
      ['gk', 'Knowledge'],
      ['gs', 'System'],
    ] as const) {
      await page.keyboard.type(keys)
      await page.getByRole('link', { name, exact: true }).and(page.locator('[aria-current="page"]')).waitFor()
      expect(await page.title()).toBe(`${name} · Dynavera`)
    }
  })

  test('is at the bottom of a narrow page', async () => {
    await page.setViewportSize(NARROW)
    const place = await page.getByRole('navigation', { name: 'Main' }).boundingBox()

    expect(place).toMatchObject({ x: 0, width: NARROW.width })
    expect((place?.y ?? 0) + (place?.height ?? 0)).toBe(NARROW.height)
    await page.setViewportSize(WIDE)
  })

  test('to an unknown page shows that it does not exist', async () => {
    await page.goto(`${product.address}/nowhere`)
    await page.getByText('There is no such page').waitFor()
    await look('not-found')
  })
})

describe('the palette', () => {
  test('finds an agent and opens it with the question', async () => {
    await page.keyboard.press('Control+k')
    await page.getByRole('option', { name: /^Research assistant/ }).waitFor()
    await look('palette')

    await page.keyboard.type('What is light?')
    await page.getByRole('option', { name: 'Ask Research assistant: What is light?' }).waitFor()
    await page.keyboard.press('Enter')

    const field = page.getByRole('textbox', { name: 'Question' })
    await field.waitFor()
    expect(await field.inputValue()).toBe('What is light?')
  })

  test('returns the focus when it is closed', async () => {
    const menu = page.getByRole('button', { name: 'Account: owner' })
    await menu.focus()
    await page.keyboard.press('Control+k')
    await page.getByRole('dialog', { name: 'Search or go to' }).waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })

    expect(await menu.evaluate((element) => element === document.activeElement)).toBe(true)
  })

  test('and other shortcuts are listed by ?', async () => {
    await page.keyboard.press('?')
    await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor()
    await look('keys')
    await page.keyboard.press('Escape')
  })
})

describe('the theme', () => {
  test('is kept, and applied before any other script runs', async () => {
    await page.getByRole('button', { name: 'Account: owner' }).click()
    await page.getByRole('menu').waitFor()
    await look('menu')
    await page.getByRole('menuitemradio', { name: 'Dark' }).click()

    await page.route('**/assets/*.js', (route) => route.abort())
    await page.reload()

    const canvas = 'getComputedStyle(document.body).backgroundColor'
    expect(await page.evaluate('document.documentElement.dataset.theme')).toBe('dark')
    expect(await page.evaluate(canvas)).toBe('rgb(18, 20, 21)')
    await page.unroute('**/assets/*.js')
    await page.evaluate('localStorage.clear()')
    await page.reload()
    expect(await page.evaluate(canvas)).toBe('rgb(250, 250, 249)')
  })
})

describe('a lost connection', () => {
  beforeAll(async () => {
    await page.goto(`${product.address}/system`)
    await page.getByText('wordllama').waitFor()
    await page.getByText('Healthy').nth(4).waitFor()
  })

  test('of an offline browser is shown at once, and restored', async () => {
    const before = await heading('System').boundingBox()
    await page.context().setOffline(true)
    await health().getByText('You are offline.').waitFor({ timeout: SHOWN_WITHIN })

    expect(await heading('System').boundingBox()).toEqual(before)
    await page
      .getByRole('list', { name: 'Services' })
      .getByText('Unknown')
      .nth(3)
      .waitFor({ timeout: SHOWN_WITHIN })
    await look('offline')
    await page.context().setOffline(false)
    await health().locator('p').waitFor({ state: 'detached' })
  })

  test('to a frozen API is shown within three seconds, and restored', async () => {
    const api = await product.freeze('api')
    await health()
      .getByText(/^(Connection lost|Can’t reach Dynavera)/)
      .first()
      .waitFor({ timeout: SHOWN_WITHIN })

    api.thaw()

    await health().locator('p').waitFor({ state: 'detached' })
  })

  test('to a killed API is shown within three seconds, and restored', async () => {
    await product.kill('api')
    await health().getByText('Can’t reach Dynavera.').waitFor({ timeout: SHOWN_WITHIN })

    await health().locator('p').waitFor({ state: 'detached', timeout: 30_000 })
    await page.getByRole('list', { name: 'Services' }).getByText('Healthy').nth(4).waitFor()
  })
})

test('logging out opens the log-in page and ends the session', async () => {
  await page.getByRole('button', { name: 'Account: owner' }).click()
  await page.getByRole('menuitem', { name: 'Log out' }).click()

  await heading('Log in').waitFor()
  await page.goto(product.address)
  await heading('Log in').waitFor()
})

test('the console has no errors', () => {
  expect(complaints).toEqual([])
})
