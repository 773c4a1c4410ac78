import { fireEvent, screen, waitFor, within } from '@testing-library/vue'
import { http, HttpResponse } from 'msw'
import { beforeEach, describe, expect, test } from 'vitest'

import type { Document, Ingestion } from '@/api/types'
import { quietInstance } from '@/testing/agentsNetwork'
import { FIRST, knownDocument, passage, problem, SECOND } from '@/testing/made'
import { network } from '@/testing/network'
import { opened } from '@/testing/opened'

const TEXT = 'Light tells how much blood there is.'

/** What was asked of the list of documents. */
const asked: string[] = []

function shelved(...documents: Document[]): void {
  network.use(
    http.get('*/api/documents', ({ request }) => {
      asked.push(new URL(request.url).search)
      return HttpResponse.json({ items: documents, next_cursor: null })
    }),
  )
}

function takes(answer: (names: string[]) => Response): { collection: unknown; names: string[] }[] {
  const sent: { collection: unknown; names: string[] }[] = []
  network.use(
    http.post('*/api/documents', async ({ request }) => {
      const form = await request.formData()
      const names = form.getAll('file').map((file) => (file as File).name)
      sent.push({ collection: form.get('collection'), names })
      return answer(names)
    }),
  )
  return sent
}

function ingested(fields: Partial<Ingestion>): Response {
  return HttpResponse.json({ items: [], refused: [], unchanged: [], ...fields }, { status: 201 })
}

async function pick(...names: string[]): Promise<void> {
  // happy-dom's files know of no folders.
  const files = names.map((name) =>
    Object.defineProperty(new File(['# Text'], name), 'webkitRelativePath', { value: '' }),
  )
  await fireEvent.change(await screen.findByLabelText('Files'), { target: { files } })
}

beforeEach(() => {
  asked.length = 0
  quietInstance()
  shelved(knownDocument())
})

const documents = () => screen.findByRole('list', { name: 'Documents' })
const uploads = () => screen.findByRole('region', { name: 'Uploads' })

test('the documents are listed with their kind, size and passages', async () => {
  await opened('/knowledge')

  const [row] = within(await documents()).getAllByRole('listitem')
  expect(row).toHaveTextContent(/notes\.md.*default.*Markdown.*1\.2 KiB.*2 passages/)
  expect(screen.getByRole('link', { name: 'notes.md' })).toHaveAttribute('href', `/knowledge/${FIRST}`)
})

test('a collection and a part of the name narrow the list', async () => {
  const { user, router } = await opened('/knowledge')
  await documents()

  await user.click(await screen.findByRole('button', { name: /^papers/ }))
  await user.type(screen.getByRole('searchbox', { name: 'Search by name' }), 'lab')

  await waitFor(() => {
    expect(new URLSearchParams(asked.at(-1)).toString()).toBe('limit=100&collection=papers&q=lab')
  })
  expect(router.currentRoute.value.fullPath).toBe('/knowledge?collection=papers')
})

test('without documents the page leads to the first upload', async () => {
  shelved()

  await opened('/knowledge')

  expect(await screen.findByRole('heading', { name: 'Add your first documents' })).toBeVisible()
})

test('what went wrong is said in the words of the API, and can be tried again', async () => {
  const away = problem({ status: 503, code: 'mcp_away', detail: 'The MCP service does not answer.' })
  network.use(http.get('*/api/documents', () => HttpResponse.json(away, { status: 503 })))
  const { user } = await opened('/knowledge')
  expect(await screen.findByRole('alert')).toHaveTextContent(/does not answer\.\s*mcp_away/)

  shelved(knownDocument())
  await user.click(screen.getByRole('button', { name: 'Try again' }))

  expect(await documents()).toBeVisible()
})

describe('an upload', () => {
  test('tells new, unchanged and refused files apart', async () => {
    const sent = takes(() =>
      ingested({
        items: [knownDocument({ name: 'new.md' }), knownDocument({ id: SECOND, name: 'old.md' })],
        refused: [{ name: 'bad.md', code: 'not_text', detail: 'It is not text.' }],
        unchanged: [SECOND],
      }),
    )
    await opened('/knowledge?collection=papers')
    await documents()

    await pick('new.md', 'bad.md', 'old.md')

    const rows = within(await uploads())
    expect(await rows.findByText(/3 files: 1 rejected, 1 unchanged/)).toBeVisible()
    expect(
      rows.getAllByRole('listitem').map((row) => row.textContent.replaceAll(/\s+/g, ' ').trim()),
    ).toEqual(
      [
        'bad.md 6 bytes It is not text. not_text',
        'new.md 6 bytes 2 passages',
        'old.md 6 bytes Unchanged',
      ].map((words) => expect.stringMatching(words.replaceAll(' ', '\\s*')) as string),
    )
    expect(sent).toEqual([{ collection: 'papers', names: ['new.md', 'bad.md', 'old.md'] }])
  })

  test('that was refused whole says so at each file, and can be tried again', async () => {
    const refused = [{ name: 'a.md', code: 'empty', detail: 'There is no text in it.' }]
    const all = problem({ status: 422, code: 'all_refused', detail: 'None was taken.' })
    takes(() => HttpResponse.json({ ...all, refused }, { status: 422 }))
    const { user } = await opened('/knowledge')
    await documents()
    await pick('a.md')
    expect(await within(await uploads()).findByText(/There is no text in it\./)).toBeVisible()

    takes(() => ingested({ items: [knownDocument({ name: 'a.md' })] }))
    await user.click(screen.getByRole('button', { name: 'Retry a.md' }))

    expect(await within(await uploads()).findByRole('link', { name: 'a.md' })).toBeVisible()
  })

  test('waits for an API that is away, and goes on', async () => {
    const away = problem({ status: 503, code: 'mcp_away', detail: 'The MCP service does not answer.' })
    takes(() => HttpResponse.json(away, { status: 503 }))
    const { user } = await opened('/knowledge')
    await documents()
    await pick('a.md')
    expect(await within(await uploads()).findByRole('alert')).toHaveTextContent(
      /does not answer\.\s*mcp_away/,
    )

    takes(() => ingested({ items: [knownDocument({ name: 'a.md' })] }))
    await user.click(within(await uploads()).getByRole('button', { name: 'Try again' }))

    expect(await within(await uploads()).findByRole('link', { name: 'a.md' })).toBeVisible()
    expect(within(await uploads()).queryByRole('alert')).toBeNull()
  })

  test('can be stopped', async () => {
    network.use(http.post('*/api/documents', () => new Promise<never>(() => undefined)))
    const { user } = await opened('/knowledge')
    await documents()
    await pick('a.md')

    await user.click(await screen.findByRole('button', { name: 'Cancel a.md' }))

    expect(await within(await uploads()).findByText('Cancelled')).toBeVisible()
  })

  test('goes into no collection that cannot be', async () => {
    const sent = takes(() => ingested({}))
    const { user } = await opened('/knowledge')
    await documents()
    await user.selectOptions(screen.getByLabelText('Collection'), 'New collection…')
    await user.type(screen.getByLabelText('Name of the new collection'), 'no spaces')

    await pick('a.md')

    expect(screen.getByLabelText('Name of the new collection')).toHaveAccessibleDescription(/letters, digits/)
    expect(sent).toEqual([])
  })
})

test('a deleted document can be brought back', async () => {
  const { user } = await opened('/knowledge')
  await documents()

  await user.click(screen.getByRole('button', { name: 'Delete notes.md' }))
  await waitFor(() => {
    expect(screen.queryByRole('link', { name: 'notes.md' })).toBeNull()
  })
  await user.click(await screen.findByRole('button', { name: 'Undo' }))

  expect(await screen.findByRole('link', { name: 'notes.md' })).toBeVisible()
})

test('who comes back finds the rows, the words and the order as they were left', async () => {
  const earlier = knownDocument({ id: SECOND, name: 'earlier.md' })
  network.use(
    http.get('*/api/documents', ({ request }) => {
      const isFirst = new URL(request.url).searchParams.get('cursor') === null
      return HttpResponse.json(
        isFirst ? { items: [knownDocument()], next_cursor: 'more' } : { items: [earlier], next_cursor: null },
      )
    }),
  )
  const { user, router } = await opened('/knowledge?name=md')
  await user.click(await screen.findByRole('button', { name: 'Show more' }))
  await screen.findByRole('link', { name: 'earlier.md' })
  await waitFor(() => {
    expect(router.currentRoute.value.query).toEqual({ name: 'md', pages: '2' })
  })
  await router.push('/nowhere')
  await screen.findByRole('link', { name: 'All agents' })

  router.back()

  expect(await screen.findByRole('link', { name: 'earlier.md' })).toBeVisible()
  expect(screen.getByRole('searchbox', { name: 'Search by name' })).toHaveValue('md')
})

test('words that are typed are in the address, and another collection keeps them', async () => {
  network.use(
    http.get('*/api/collections', () =>
      HttpResponse.json({ items: [{ name: 'papers', documents: 1, passages: 2 }] }),
    ),
  )
  const { user, router } = await opened('/knowledge')
  await user.type(await screen.findByRole('searchbox', { name: 'Search by name' }), 'cap')
  await waitFor(() => {
    expect(router.currentRoute.value.query).toEqual({ name: 'cap' })
  })

  await user.click(await screen.findByRole('button', { name: /papers/ }))

  await waitFor(() => {
    expect(router.currentRoute.value.query).toEqual({ name: 'cap', collection: 'papers' })
  })
  expect(asked.at(-1)).toContain('q=cap')
})

test('another order is one of all documents, not of the first page', async () => {
  const pages: Record<string, Document[]> = {
    '': [knownDocument({ id: FIRST, name: 'small.md', bytes: 10 })],
    next: [knownDocument({ id: SECOND, name: 'large.md', bytes: 20 })],
  }
  network.use(
    http.get('*/api/documents', ({ request }) => {
      const cursor = new URL(request.url).searchParams.get('cursor') ?? ''
      return HttpResponse.json({ items: pages[cursor], next_cursor: cursor === '' ? 'next' : null })
    }),
  )
  const { user } = await opened('/knowledge')
  await documents()

  await user.click(screen.getByRole('button', { name: /^Sort by/ }))
  await user.click(await screen.findByRole('menuitemradio', { name: 'Largest' }))

  await waitFor(() => {
    expect(screen.getAllByRole('link', { name: /\.md$/ }).map((link) => link.textContent)).toEqual([
      'large.md',
      'small.md',
    ])
  })
})

describe('a search', () => {
  const found = {
    ...passage(TEXT, 0, TEXT.length),
    document: '<b>notes</b>.md',
    heading: 'Light › Depth',
    page: 7,
    score: 0.84,
    vector_rank: 2,
    bm25_rank: null,
    also_in: ['copy.md'],
  }

  test('shows what an agent would be given, and why', async () => {
    const sent: unknown[] = []
    network.use(
      http.post('*/api/search', async ({ request }) => {
        sent.push(await request.json())
        return HttpResponse.json({ passages: [found] })
      }),
    )
    const { user, router } = await opened('/knowledge?view=search&collection=papers')
    await user.type(screen.getByRole('searchbox', { name: 'Question' }), 'How much blood?')
    await user.click(screen.getByRole('button', { name: 'Search' }))

    const [card] = within(await screen.findByRole('list', { name: 'Passages found' })).getAllByRole(
      'listitem',
    )
    expect(card).toHaveTextContent(/page 7.*Light › Depth.*Light tells how much blood there is\./)
    expect(card).toHaveTextContent(/0\.84.*By meaning\s*2nd.*By keywords\s*not in the top 100.*meaning only/)
    expect(within(card!).getByRole('link', { name: '<b>notes</b>.md' })).toHaveAttribute(
      'href',
      `/knowledge/${FIRST}?passage=${found.passage_id}`,
    )
    expect(sent).toEqual([{ query: 'How much blood?', collection: 'papers', top_k: 4 }])
    expect(router.currentRoute.value.query).toMatchObject({ view: 'search', q: 'How much blood?' })
  })

  test('that finds nothing says where it looked', async () => {
    network.use(http.post('*/api/search', () => HttpResponse.json({ passages: [] })))

    await opened('/knowledge?view=search&q=blood')

    expect(await screen.findByRole('heading', { name: 'No passages found' })).toBeVisible()
  })

  test('that fails says why', async () => {
    const unknown = problem({ status: 404, code: 'unknown_collection', detail: 'There is no collection.' })
    network.use(http.post('*/api/search', () => HttpResponse.json(unknown, { status: 404 })))

    await opened('/knowledge?view=search&q=blood')

    expect(await screen.findByRole('alert')).toHaveTextContent(
      /There is no collection\.\s*unknown_collection/,
    )
  })
})
