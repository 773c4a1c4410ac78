import { screen, within } from '@testing-library/vue'
import { http, HttpResponse } from 'msw'
import { beforeEach, describe, expect, test, vi } from 'vitest'

import type { ApiKey, Session } from '@/api/types'
import { AGENT, FIRST, health, problem, SECOND, session, system } from '@/testing/made'
import { network } from '@/testing/network'
import { opened } from '@/testing/opened'

const LAPTOP: ApiKey = { id: FIRST, name: 'laptop', created_at: '2026-01-01T10:00:00Z', revocable: true }
const TOKEN: ApiKey = { ...LAPTOP, id: AGENT, name: "first user's token", revocable: false }
let keys: ApiKey[]
let sessions: Session[]

beforeEach(() => {
  keys = [LAPTOP]
  sessions = [session({ id: SECOND, current: true }), session()]
  network.use(
    http.get('*/api/me', () => HttpResponse.json({ id: SECOND, name: 'owner' })),
    http.get('*/api/system', () => HttpResponse.json(system())),
    http.get('*/api/keys', () => HttpResponse.json({ items: keys, next_cursor: null })),
    http.get('*/api/sessions', () => HttpResponse.json({ items: sessions, next_cursor: null })),
  )
})

describe('the parts', () => {
  test('are shown as the API finds them, each with what to do about it', async () => {
    const worker = 'No worker is running: start one with `dynavera worker`.'
    network.use(http.get('*/api/health', () => HttpResponse.json(health({ worker }))))

    await opened('/system')

    const parts = within(await screen.findByRole('list', { name: 'Services' }))
    expect(await parts.findByText('Unavailable')).toBeVisible()
    expect(parts.getAllByText('Healthy')).toHaveLength(4)
    expect(parts.getByText('dynavera worker').tagName).toBe('CODE')
  })

  test('are not known while the API does not answer', async () => {
    network.use(http.get('*/api/health', () => HttpResponse.error()))

    await opened('/system')

    const parts = within(await screen.findByRole('list', { name: 'Services' }))
    expect(await parts.findByText('Unavailable')).toBeVisible()
    expect(parts.getAllByText('Unknown')).toHaveLength(4)
  })
})

describe('what is in use', () => {
  test('is said with the model files that cannot be used', async () => {
    const unusable_models = [{ name: 'gpt4all:cut.gguf', reason: 'it is cut off' }]
    network.use(http.get('*/api/system', () => HttpResponse.json(system({ unusable_models }))))

    await opened('/system')

    expect(await screen.findByText('gpt4all:cut.gguf')).toBeVisible()
    expect(screen.getByText(/cannot be used: it is cut off/)).toBeVisible()
  })

  test('is said with its versions and addresses', async () => {
    await opened('/system')

    expect(await screen.findByText('wordllama')).toBeVisible()
    expect(screen.getByText(/Dynavera 0\.1\.0, Temporal 1\.32\.0, Python 3\.11\.9/)).toBeVisible()
    expect(screen.getByRole('link', { name: 'http://127.0.0.1:8233' })).toHaveAttribute(
      'href',
      'http://127.0.0.1:8233',
    )
    expect(screen.getByText('http://127.0.0.1:8001/mcp')).toBeVisible()
  })

  test('is said with the passages that are still to be embedded', async () => {
    network.use(
      http.get('*/api/system', () =>
        HttpResponse.json(system({ embedder: 'minilm', passages_to_embed: 1200 })),
      ),
    )

    await opened('/system')

    expect(await screen.findByText('minilm')).toBeVisible()
    expect(screen.getByText('embedding 1,200 more passages in the background')).toBeVisible()
  })

  test('is honest about what cannot be known now', async () => {
    const unknown = system({ generator: null, generators: [], embedder: null, temporal_ui: null })
    network.use(http.get('*/api/system', () => HttpResponse.json(unknown)))

    await opened('/system')

    expect(await screen.findAllByText('Unknown: the MCP service is unavailable.')).toHaveLength(2)
    expect(screen.getByText('DYNAVERA_TEMPORAL_UI_URL')).toBeVisible()
  })

  test('that cannot be read says so, and is read again', async () => {
    const away = problem({ status: 503, code: 'database_away', detail: 'The database is away.' })
    network.use(http.get('*/api/system', () => HttpResponse.json(away, { status: 503 })))
    const { user } = await opened('/system')
    expect(await screen.findByRole('alert')).toHaveTextContent(/The database is away\.\s*database_away/)

    network.use(http.get('*/api/system', () => HttpResponse.json(system())))
    await user.click(screen.getByRole('button', { name: 'Try again' }))

    expect(await screen.findByText('wordllama')).toBeVisible()
  })
})

describe('API keys', () => {
  test('are made with a name, and shown this once', async () => {
    network.use(
      http.post('*/api/keys', async ({ request }) => {
        const { name } = (await request.json()) as { name: string }
        const made = { id: SECOND, name, created_at: '2026-01-02T10:00:00Z', revocable: true }
        keys = [...keys, made]
        return HttpResponse.json({ ...made, api_key: 'dyn_secret' }, { status: 201 })
      }),
    )
    const { user } = await opened('/system')

    await user.type(await screen.findByLabelText('New API key'), ' robot ')
    await user.click(screen.getByRole('button', { name: 'Create key' }))

    const note = await screen.findByRole('region', { name: 'New key robot' })
    expect(note).toHaveFocus()
    expect(within(note).getByText('dyn_secret')).toBeVisible()
    expect(await screen.findByRole('button', { name: 'Revoke robot' })).toBeVisible()
    await user.click(within(note).getByRole('button', { name: 'Done' }))
    expect(screen.queryByText('dyn_secret')).toBeNull()
  })

  test('with a name that is refused say why', async () => {
    const refusal = problem({
      status: 422,
      code: 'invalid',
      detail: 'The request is not as it should be.',
      errors: [{ location: 'body.name', message: 'must not be blank' }],
    })
    network.use(http.post('*/api/keys', () => HttpResponse.json(refusal, { status: 422 })))
    const { user } = await opened('/system')

    await user.type(await screen.findByLabelText('New API key'), ' ')
    await user.click(screen.getByRole('button', { name: 'Create key' }))

    expect(await screen.findByText(/must not be blank/)).toHaveTextContent('must not be blank invalid')
    expect(screen.getByLabelText('New API key')).toBeInvalid()
  })

  test('are revoked only after a question', async () => {
    const revoked: unknown[] = []
    network.use(
      http.delete('*/api/keys/:id', ({ params }) => {
        revoked.push(params.id)
        keys = []
        return new HttpResponse(null, { status: 204 })
      }),
    )
    const { user } = await opened('/system')
    await user.click(await screen.findByRole('button', { name: 'Revoke laptop' }))
    await user.click(await screen.findByRole('button', { name: 'Cancel' }))
    expect(revoked).toEqual([])

    await user.click(screen.getByRole('button', { name: 'Revoke laptop' }))
    const question = await screen.findByRole('dialog', { name: 'Revoke this key?' })
    expect(question).toHaveTextContent('laptop')
    await user.click(within(question).getByRole('button', { name: 'Revoke' }))

    expect(await screen.findByText(/No API keys yet/)).toBeVisible()
    expect(revoked).toEqual([FIRST])
    expect(await screen.findByText('“laptop” revoked')).toBeInTheDocument()
  })

  test('that come from the settings say so, and cannot be revoked', async () => {
    keys = [TOKEN, LAPTOP]

    await opened('/system')

    const [token, laptop] = within(await screen.findByRole('list', { name: 'API keys' })).getAllByRole(
      'listitem',
    )
    expect(token).toHaveTextContent(/first user's token.*set in the configuration/)
    expect(within(token!).queryByRole('button')).toBeNull()
    expect(within(laptop!).getByRole('button', { name: 'Revoke laptop' })).toBeVisible()
  })

  test.each([
    { here: false, others: 1, words: 'One browser logged in with it will be logged out.' },
    { here: true, others: 0, words: 'This browser will be logged out.' },
    { here: true, others: 1, words: '2 browsers logged in with it, including this one, will be logged out.' },
  ])('say which browsers they take with them: $words', async ({ here, others, words }) => {
    sessions = [
      session({ id: SECOND, current: true, api_key_id: here ? LAPTOP.id : null }),
      session({ api_key_id: others > 0 ? LAPTOP.id : AGENT }),
    ]
    const { user } = await opened('/system')
    await screen.findByRole('button', { name: 'Log out this browser' })

    await user.click(await screen.findByRole('button', { name: 'Revoke laptop' }))

    expect(await screen.findByRole('dialog', { name: 'Revoke this key?' })).toHaveTextContent(words)
  })

  test('that are revoked end sessions, and the list shows it', async () => {
    sessions = [session({ id: SECOND, current: true }), session({ api_key_id: LAPTOP.id })]
    network.use(
      http.delete('*/api/keys/:id', () => {
        sessions = sessions.slice(0, 1)
        return new HttpResponse(null, { status: 204 })
      }),
    )
    const { user } = await opened('/system')
    await screen.findByRole('button', { name: /^Log out Firefox on Linux/ })

    await user.click(await screen.findByRole('button', { name: 'Revoke laptop' }))
    await user.click(await screen.findByRole('button', { name: 'Revoke' }))

    await vi.waitFor(() => {
      expect(screen.queryByRole('button', { name: /^Log out (?!this)/ })).toBeNull()
    })
    expect(screen.getByRole('button', { name: 'Log out this browser' })).toBeVisible()
  })

  test('that could not be revoked are still there, and it can be tried again', async () => {
    const away = problem({ status: 503, code: 'database_away', detail: 'The database is away.' })
    let tried = 0
    network.use(
      http.delete('*/api/keys/:id', () => {
        tried += 1
        return HttpResponse.json(away, { status: 503 })
      }),
    )
    const { user } = await opened('/system')
    await user.click(await screen.findByRole('button', { name: 'Revoke laptop' }))
    await user.click(await screen.findByRole('button', { name: 'Revoke' }))

    await user.click(await screen.findByRole('button', { name: 'Try again' }))

    await vi.waitFor(() => {
      expect(tried).toBe(2)
    })
    expect(screen.getByRole('button', { name: 'Revoke laptop' })).toBeVisible()
  })
})
