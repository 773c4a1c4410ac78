import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { faultsOf } from './bothSizes'
import { pictured } from './pictures'
import type { Product } from './product'
import { endAll, staged, type Endings } from './stage'

const HOSTILE_NAME = '<img src=x onerror=hacked=1>.md'
const HOSTILE_TEXT =
  '# <script>window.hacked = 1</script>\n\n<img src=x onerror="window.hacked = 1"> Zebrafish swim.\n'

let product: Product
let page: Page
let folder: string
let complaints: string[]
const endings: Endings = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dynavera-files-'))
  endings.push(() => rm(folder, { recursive: true }))
  await mkdir(join(folder, 'papers', 'old'), { recursive: true })
  await Promise.all(
    Object.entries({
      'cap.md':
        '# Cap\n\nThe cap sits two fingers above the brow.\n\n## Cleaning\n\nThe cap is washed by hand.\n',
      'not-text.md': '\u0000\u0001\u0002',
      [HOSTILE_NAME]: HOSTILE_TEXT,
      'papers/one.md': '# One\n\nKelp grows half a metre a day.\n',
      'papers/old/two.txt': 'Kelp forests shelter otters.',
      'papers/.hidden.md': 'Nobody reads this.',
      'papers/picture.png': 'no picture',
    }).map(([name, text]) => writeFile(join(folder, name), text)),
  )
  ;({ product, page, complaints } = await staged(endings))
  await page.goto(await product.loginLink())
  await page.getByRole('link', { name: 'Research assistant' }).waitFor()
})

afterAll(() => endAll(endings))

const documents = () => page.getByRole('list', { name: 'Documents' })
const uploads = () => page.getByRole('region', { name: 'Uploads' })
const upload = (name: string) => uploads().getByRole('listitem').filter({ hasText: name })
const at = (...names: string[]) => names.map((name) => join(folder, name))

/** The marked passage, if it is in sight. */
async function marked(): Promise<string> {
  const passage = page.locator('section[aria-current="true"]')
  await passage.waitFor()
  const { top, bottom } = await passage.evaluate((element) => element.getBoundingClientRect())
  return top < 900 && bottom > 60 ? passage.innerText() : 'out of sight'
}

test('the included documents are listed at all window sizes', async () => {
  await page.keyboard.press('g')
  await page.keyboard.press('k')

  await documents().getByRole('link', { name: 'motion-artefacts.md' }).waitFor()
  expect(await faultsOf(page)).toEqual([])
  await pictured(page, 'knowledge')
})

test('each file of an upload shows its outcome', async () => {
  await page.getByLabel('Files').setInputFiles(at('cap.md', 'not-text.md', HOSTILE_NAME))

  await upload('cap.md').getByText('2 passages').waitFor()
  await upload('not-text.md').getByText('not_text').waitFor()
  await upload(HOSTILE_NAME).getByText('1 passage').waitFor()
  await documents().getByRole('link', { name: HOSTILE_NAME }).waitFor()
  expect(await faultsOf(page)).toEqual([])
  await pictured(page, 'uploaded')
  await page.getByRole('button', { name: 'Done' }).click()
  await uploads().waitFor({ state: 'detached' })
})

test('an unchanged file is marked as such', async () => {
  await page.getByLabel('Files').setInputFiles(at('cap.md'))

  await upload('cap.md').getByText('Unchanged', { exact: true }).waitFor()
})

test('a folder is uploaded into a new collection, with paths as names', async () => {
  await page.getByLabel('Collection', { exact: true }).selectOption({ label: 'New collection…' })
  await page.getByLabel('Name of the new collection').fill('kelp')
  await page.getByLabel('Folder').setInputFiles(join(folder, 'papers'))

  await page.getByText('2 files were skipped').waitFor()
  await upload('old/two.txt').getByText('1 passage').waitFor()
  await page.getByRole('navigation', { name: 'Collections' }).getByText('kelp').click()
  await expect
    .poll(async () => (await documents().getByRole('link').allInnerTexts()).sort())
    .toEqual(['old/two.txt', 'one.md'])
  expect(page.url()).toContain('collection=kelp')
})

test('files are dropped on the page', async () => {
  const dropped = await page.evaluateHandle(() => {
    const data = new DataTransfer()
    data.items.add(new File(['Otters eat urchins.'], 'dropped.txt', { type: 'text/plain' }))
    return data
  })
  await page.dispatchEvent('body', 'dragenter', { dataTransfer: dropped })
  await page.getByText('Drop to add to kelp').waitFor()
  await page.dispatchEvent('body', 'drop', { dataTransfer: dropped })

  await documents().getByRole('link', { name: 'dropped.txt' }).waitFor()
})

test('a search shows the passages with both parts of the score', async () => {
  await page.getByRole('link', { name: 'Try a search' }).click()
  await page.keyboard.press('/')
  await page.keyboard.type('How fast does kelp grow?')
  await page.keyboard.press('Enter')

  const best = page.getByRole('list', { name: 'Passages found' }).getByRole('listitem').first()
  await best.getByText('half a metre a day').waitFor()
  expect(await best.getByText('1st').count()).toBeGreaterThan(0)
  expect(await faultsOf(page)).toEqual([])
  await pictured(page, 'search')
  await best.getByRole('link').click()

  await page.locator('section[aria-current="true"]').getByText('half a metre a day').waitFor()
  expect(page.url()).toContain('passage=')
})

test('a link to a passage opens there, and others can be chosen', async () => {
  await page.goto(`${product.address}/knowledge`)
  await documents().getByRole('link', { name: 'motion-artefacts.md' }).click()
  await page.getByRole('navigation', { name: 'Passages' }).getByRole('link', { name: 'Prevention' }).click()
  await expect.poll(marked).toContain('Prevention is better than correction')
  await page.reload()

  await expect.poll(marked).toContain('Prevention is better than correction')
  expect(await faultsOf(page)).toEqual([])
  await pictured(page, 'document')
})

test('a document is replaced under its name', async () => {
  await page.goto(`${product.address}/knowledge`)
  await documents().getByRole('link', { name: 'cap.md' }).click()
  await page.getByRole('link', { name: 'Mark passage 2' }).click()
  await writeFile(join(folder, 'newer.md'), '# Cap\n\nThe cap sits three fingers above the brow.\n')

  await page.getByLabel('New file').setInputFiles(at('newer.md'))

  await page.getByText('three fingers above the brow').first().waitFor()
  await page.getByRole('heading', { name: 'cap.md' }).waitFor()
  await page.getByText('is no longer in the document').waitFor()
})

test('a deleted document is in no list and no search until Undo', async () => {
  await page.getByRole('button', { name: 'Delete', exact: true }).click()
  await page.getByRole('button', { name: 'Undo' }).click()
  await documents().getByRole('link', { name: 'cap.md' }).waitFor()
  await page.getByRole('button', { name: 'Delete cap.md' }).click()
  await documents().getByRole('link', { name: 'cap.md' }).waitFor({ state: 'detached' })

  // Who leaves asks for it to be deleted; the page that comes may be as fast as that.
  const left = async () => {
    await page.reload()
    await documents().waitFor()
    return documents().getByRole('link', { name: 'cap.md' }).count()
  }

  await expect.poll(left, { timeout: 20_000 }).toBe(0)
})

test('several documents are sorted, selected and deleted by keyboard', async () => {
  await page.goto(`${product.address}/knowledge?collection=kelp`)
  await documents().waitFor()
  await page.getByRole('button', { name: /^Sort by/ }).click()
  await page.getByRole('menuitemradio', { name: 'Name' }).click()
  await expect
    .poll(() => documents().getByRole('link').allInnerTexts())
    .toEqual(['dropped.txt', 'old/two.txt', 'one.md'])
  for (const name of ['old/two.txt', 'one.md']) {
    await page.getByRole('checkbox', { name: `Select ${name}` }).focus()
    await page.keyboard.press('Space')
  }
  expect(await faultsOf(page)).toEqual([])
  await pictured(page, 'selected')
  await page.getByRole('button', { name: /^Delete \d selected/ }).focus()
  await page.keyboard.press('Enter')
  const dialog = page.getByRole('dialog', { name: 'Delete documents' })
  await dialog.getByText('2 documents').waitFor()
  expect(await faultsOf(page)).toEqual([])
  await pictured(page, 'delete-documents')

  await dialog.getByRole('button', { name: 'Delete' }).focus()
  await page.keyboard.press('Enter')

  await expect.poll(() => documents().getByRole('link').allInnerTexts()).toEqual(['dropped.txt'])
  const all = page.getByRole('checkbox', { name: 'Select all' })
  await expect.poll(() => all.evaluate((box) => box === box.ownerDocument.activeElement)).toBe(true)
})

test('scripts in a document are shown as text', async () => {
  await page.goto(`${product.address}/knowledge`)
  await documents().getByRole('link', { name: HOSTILE_NAME }).click()

  await page.getByRole('article', { name: 'Text' }).getByText('Zebrafish swim.').waitFor()
  await page.goto(`${product.address}/knowledge?view=search&q=zebrafish`)
  await page.getByText('Zebrafish').first().waitFor()

  expect(await page.evaluate('window.hacked')).toBeUndefined()
})

test('an unknown URL shows that there is nothing', async () => {
  for (const id of ['nonsense', '01900000-0000-7000-8000-000000000001']) {
    await page.goto(`${product.address}/knowledge/${id}`)
    await page.getByRole('heading', { name: 'There is no such document' }).waitFor()
  }
  expect(await faultsOf(page)).toEqual([])
})

test('the console has no errors', () => {
  expect(complaints).toEqual([])
})
