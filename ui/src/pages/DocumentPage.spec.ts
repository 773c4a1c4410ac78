import { fireEvent, screen, waitFor, within } from '@testing-library/vue'
import { http, HttpResponse } from 'msw'
import { beforeEach, expect, test, vi } from 'vitest'

import { quietInstance } from '@/testing/agentsNetwork'
import { FIRST, knownDocument, passage, problem } from '@/testing/made'
import { network } from '@/testing/network'
import { opened } from '@/testing/opened'

const TEXT =
  '# Cap 🧠\n\nIt sits above the brow.\n\n## <script>\n\n<img src=x onerror="window.hacked = 1"> stays text.'
const BREAK = Array.from(TEXT).join('').indexOf('## <') - 1
const LENGTH = Array.from(TEXT).length
const first = passage(TEXT, 0, BREAK, { heading: 'Cap 🧠' })
const second = passage(TEXT, BREAK, LENGTH, { position: 1, heading: 'Cap 🧠 › <script>', page: 3 })
const address = `/knowledge/${FIRST}`

function stored(name = 'cap.md'): void {
  network.use(
    http.get('*/api/documents/:id', () => HttpResponse.json(knownDocument({ name }))),
    http.get('*/api/documents/:id/text', () =>
      HttpResponse.json({ text: TEXT, media_type: 'text/markdown' }),
    ),
    http.get('*/api/documents/:id/passages', () =>
      HttpResponse.json({ items: [first, second], next_cursor: null }),
    ),
  )
}

beforeEach(() => {
  quietInstance()
  stored()
})

test('the text is shown whole, cut into its passages', async () => {
  await opened(address)

  const text = within(await screen.findByRole('article', { name: 'Text' }))
  expect(text.getByRole('region', { name: 'Passage 1' })).toHaveTextContent(
    /Cap 🧠\s*It sits above the brow\./,
  )
  expect(text.getByRole('region', { name: 'Passage 2' })).toHaveTextContent(/stays text\.$/)
  expect(screen.getByRole('list', { name: 'About the document' })).toHaveTextContent(
    /Markdown.*1\.2 KiB.*2 passages/,
  )
  expect(document.title).toBe('cap.md · Dynavera')
})

test('what tries to be markup stays text', async () => {
  stored('<img src=x onerror=hacked>.md')

  await opened(address)

  expect(await screen.findByRole('heading', { level: 1 })).toHaveTextContent('<img src=x onerror=hacked>.md')
  expect(screen.getByRole('article', { name: 'Text' })).toHaveTextContent(
    '<img src=x onerror="window.hacked = 1">',
  )
  expect(document.querySelector('main img, main script')).toBeNull()
})

test('a link to a passage marks it in the text and in the list', async () => {
  const scrolled = vi.spyOn(Element.prototype, 'scrollIntoView')

  await opened(`${address}?passage=${second.passage_id}`)

  const region = await screen.findByRole('region', { name: 'Passage 2' })
  expect(region).toHaveAttribute('aria-current', 'true')
  expect(screen.getByRole('link', { name: /p\. 3/ })).toHaveAttribute('aria-current', 'true')
  await waitFor(() => {
    expect(scrolled.mock.instances).toContain(region)
  })
})

test('choosing a passage changes the address', async () => {
  const { user, router } = await opened(address)

  await user.click(await screen.findByRole('link', { name: 'Mark passage 2' }))

  await waitFor(() => {
    expect(router.currentRoute.value.query).toEqual({ passage: second.passage_id })
  })
})

test('a passage that is not there any more is said to be gone', async () => {
  await opened(`${address}?passage=${FIRST}`)

  expect(await screen.findByText(/is no longer in the document/)).toBeVisible()
})

test('a document that is not there leads back', async () => {
  const missing = problem({ status: 404, code: 'document_not_found', detail: 'There is no document.' })
  network.use(http.get('*/api/documents/:id', () => HttpResponse.json(missing, { status: 404 })))

  await opened(address)

  expect(await screen.findByRole('heading', { name: 'There is no such document' })).toBeVisible()
})

test('a new file replaces it under its name, and is shown', async () => {
  const names: string[] = []
  network.use(
    http.post('*/api/documents', async ({ request }) => {
      names.push(...(await request.formData()).getAll('file').map((file) => (file as File).name))
      stored('replaced.md')
      return HttpResponse.json(
        { items: [knownDocument({ name: 'cap.md' })], refused: [], unchanged: [] },
        { status: 201 },
      )
    }),
  )
  await opened(address)

  await fireEvent.change(await screen.findByLabelText('New file'), {
    target: { files: [new File(['# New'], 'other name.md')] },
  })

  expect(await screen.findByRole('heading', { name: 'replaced.md' })).toBeVisible()
  expect(names).toEqual(['cap.md'])
})

test('a deleted document is left, and can be brought back', async () => {
  network.use(
    http.get('*/api/documents', () => HttpResponse.json({ items: [knownDocument()], next_cursor: null })),
  )
  const { user, router } = await opened(address)

  await user.click(await screen.findByRole('button', { name: 'Delete' }))

  await waitFor(() => {
    expect(router.currentRoute.value.fullPath).toBe('/knowledge?collection=default')
  })
  await user.click(await screen.findByRole('button', { name: 'Undo' }))
  expect(await screen.findByRole('link', { name: 'notes.md' })).toBeVisible()
})
