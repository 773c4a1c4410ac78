import { screen, within } from '@testing-library/vue'
import { http, HttpResponse, type RequestHandler } from 'msw'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

import type { Execution, ExecutionEvent } from '@/api/types'
import { LiveServer } from '@/testing/liveServer'
import {
  agent,
  AGENT,
  completed,
  delta,
  execution,
  failed,
  FIRST,
  found,
  log,
  message,
  problem,
  progress,
  SECOND,
  source,
  started,
  stopped,
} from '@/testing/made'
import { network } from '@/testing/network'
import { opened } from '@/testing/opened'

let server: LiveServer

beforeEach(async () => {
  server = await LiveServer.start()
})

afterEach(async () => {
  await server.stop()
})

function known(executions: Execution[], logs: Record<string, ExecutionEvent[]> = {}): void {
  network.use(
    http.get('*/api/me', () => HttpResponse.json({ id: SECOND, name: 'owner' })),
    http.get('*/api/agents/:id', () => HttpResponse.json(agent())),
    http.get('*/api/agents/:id/executions', () =>
      HttpResponse.json({ items: executions, next_cursor: null }),
    ),
    http.get('*/api/executions/:id', ({ params }) =>
      HttpResponse.json(executions.find(({ id }) => id === params.id)),
    ),
    http.get('*/api/executions/:id/events', ({ params }) =>
      HttpResponse.json({ items: logs[String(params.id)] ?? [], next_after: null }),
    ),
  )
}

async function openedLive(path = `/agents/${AGENT}`): ReturnType<typeof opened> {
  const page = await opened(path)
  await vi.waitFor(() => {
    expect(server.opened).toEqual([AGENT])
  })
  server.greet()
  await screen.findByText('Live')
  return page
}

async function sent(action: string): Promise<Record<string, unknown>> {
  return vi.waitFor(() => {
    const found = server.asked.find((one) => one.action === action)
    expect(found).toBeDefined()
    return found as unknown as Record<string, unknown>
  })
}

const WHOLE = log(
  FIRST,
  started(),
  progress({ stage: 'retrieving', message: 'Looking for passages.' }),
  found(source(1, 'Blood absorbs light.')),
  delta(0, 'Light '),
  delta(6, '[1].'),
  message('Light [1].'),
  completed('Light [1].', source(1, 'Blood absorbs light.')),
)

function documentOf(state: 'unchanged' | 'changed' | 'gone', text: string): RequestHandler[] {
  return [
    http.get('*/api/executions/:id/sources/:n', () =>
      HttpResponse.json({ source: source(1, 'Blood absorbs light.'), document: null, passage: null, state }),
    ),
    http.get('*/api/documents/:id/text', () => HttpResponse.json({ text, media_type: 'text/markdown' })),
  ]
}

function tags(): (string | null)[] {
  const lines = within(screen.getByRole('log')).getAllByRole('listitem')
  return lines.map((line) => line.querySelector('.tag')!.textContent)
}

async function logged(expected: string[]): Promise<void> {
  await vi.waitFor(() => {
    expect(tags()).toEqual(expected)
  })
}

describe('asking', () => {
  test('starts the agent and shows the answer growing, its sources and its log', async () => {
    known([])
    const { user } = await openedLive()
    await screen.findByText('Ask the first question')

    await user.type(screen.getByRole('textbox', { name: 'Question' }), 'What is fNIRS?{Enter}')
    const { request_id, input_data } = await sent('start_agent')
    known([execution({ status: 'running', temporal_url: 'http://temporal/x' })])
    server.say({
      type: 'accepted',
      action: 'start_agent',
      request_id: String(request_id),
      execution_id: FIRST,
    })
    server.say(...WHOLE.slice(0, 4))

    expect(input_data).toEqual({ query: 'What is fNIRS?' })
    const answer = await screen.findByRole('region', { name: 'Answer' })
    expect(answer).toHaveTextContent('Light')
    expect(answer).toHaveAttribute('aria-busy', 'true')
    expect(screen.getByRole('button', { name: 'Stop' })).toBeVisible()

    server.say(...WHOLE.slice(4))

    expect(await screen.findByRole('link', { name: 'Source 1: document-1.md' })).toBeVisible()
    await logged(['Started', '[PROGRESS]', '[STEP]', '[MESSAGE]', 'Completed'])
    expect(answer).toHaveAttribute('aria-busy', 'false')
    expect(screen.getByRole('textbox', { name: 'Question' })).toHaveValue('')
    expect(screen.queryByRole('button', { name: 'Stop' })).toBeNull()
    expect(await screen.findByRole('link', { name: /Open in Temporal/ })).toHaveAttribute(
      'href',
      'http://temporal/x',
    )
  })

  test('nothing says which field is blank, and sends nothing', async () => {
    known([])
    const { user } = await openedLive()

    await user.click(screen.getByRole('button', { name: 'Start' }))

    expect(screen.getByText('The field "query" must not be blank: it is the question.')).toBeVisible()
    expect(server.asked).toEqual([])
  })

  test('in raw JSON is checked while it is written, and sent as it is', async () => {
    known([])
    const { user } = await openedLive()
    await user.click(screen.getByRole('tab', { name: 'Raw JSON' }))
    const input = screen.getByRole('textbox', { name: 'Input as JSON' })

    await user.clear(input)
    await user.type(input, '{{"query" 3}')
    expect(screen.getByText('Line 1, column 10: A colon is missing here.')).toBeVisible()
    expect(input).toHaveAttribute('aria-invalid', 'true')
    await user.clear(input)
    await user.type(input, '{{"query": 3}')
    expect(screen.getByText('The field "query" must be a string.')).toBeVisible()
    await user.clear(input)
    await user.type(input, '{{"query": "Why?", "language": "en"}')
    await user.click(screen.getByRole('button', { name: 'Start' }))

    expect((await sent('start_agent')).input_data).toEqual({ query: 'Why?', language: 'en' })
  })

  test('what could not be started is said at the question', async () => {
    known([])
    const { user } = await openedLive()
    await user.type(screen.getByRole('textbox', { name: 'Question' }), 'Why?{Enter}')
    const { request_id } = await sent('start_agent')

    server.say({
      type: 'error',
      message: 'Temporal is away.',
      code: 'temporal_away',
      request_id: String(request_id),
    })

    const form = screen.getByRole('form', { name: 'Ask the agent' })
    expect(await within(form).findByRole('alert')).toHaveTextContent(/Temporal is away\.\s*temporal_away/)
    await vi.waitFor(() => {
      expect(screen.getByRole('button', { name: 'Start' })).toBeEnabled()
    })
    expect(screen.getByRole('textbox', { name: 'Question' })).toHaveValue('Why?')
  })

  test('is stopped by Stop, and keeps what had been written', async () => {
    known([execution({ status: 'running' })])
    const { user } = await openedLive()
    await sent('subscribe')
    server.say(...WHOLE.slice(0, 4))

    await user.click(await screen.findByRole('button', { name: 'Stop' }))
    expect((await sent('stop_agent')).execution_id).toBe(FIRST)
    server.say(...log(FIRST, started(), started(), started(), started(), stopped('Light ', null)).slice(4))

    expect(await screen.findByText('This is what had been written when it ended.')).toBeVisible()
    expect(tags().at(-1)).toBe('Stopped')
    expect(
      screen.getByText('stopped in 1.0 s without word from the generator, 6 characters kept'),
    ).toBeVisible()
  })

  test('is asked again by Retry, and the new execution is shown live', async () => {
    known([execution({ status: 'failed' })], { [FIRST]: log(FIRST, started(), failed('No model.')) })
    const { user, router } = await openedLive()
    const retried: unknown[] = []
    network.use(
      http.post('*/api/executions/:id/retry', ({ params }) => {
        retried.push(params.id)
        const again = execution({ id: SECOND, status: 'queued', retry_of: FIRST })
        known([again, execution({ status: 'failed' })])
        return HttpResponse.json(again, { status: 202 })
      }),
    )

    await user.click(await screen.findByRole('button', { name: 'Retry' }))
    expect((await sent('subscribe')).execution_id).toBe(SECOND)
    server.say(...log(SECOND, started(), delta(0, 'Light ')))

    expect(await screen.findByRole('region', { name: 'Answer' })).toHaveTextContent('Light')
    expect(retried).toEqual([FIRST])
    expect(router.currentRoute.value.query).toEqual({ execution: SECOND })
    expect(screen.queryByRole('button', { name: 'Retry' })).toBeNull()
  })

  test('again is refused in the words of the API', async () => {
    const refusal = problem({ status: 503, code: 'temporal_away', detail: 'Temporal does not answer.' })
    known([execution()], { [FIRST]: WHOLE })
    network.use(http.post('*/api/executions/:id/retry', () => HttpResponse.json(refusal, { status: 503 })))
    const { user } = await openedLive()

    await user.click(await screen.findByRole('button', { name: 'Retry' }))

    expect(await screen.findByRole('alert')).toHaveTextContent('Temporal does not answer.')
    expect(screen.getByRole('button', { name: 'Retry' })).toBeEnabled()
  })
})

describe('reading', () => {
  test('an execution that ended shows its answer, and a marker opens its source in its document', async () => {
    known([execution()], { [FIRST]: WHOLE })
    network.use(...documentOf('unchanged', 'Before it.\n\nBlood absorbs light.\n\nAfter it.'))
    const { user } = await openedLive()

    await user.click(await screen.findByRole('link', { name: 'Source 1: document-1.md' }))

    const source = await screen.findByRole('dialog', { name: /document-1\.md/ })
    expect(await within(source).findByText('The document still says this.')).toBeVisible()
    expect(await within(source).findByText('Before it.')).toBeVisible()
    expect(within(source).getByText('Blood absorbs light.').closest('mark')).toBeVisible()

    await user.keyboard('{Escape}')

    await vi.waitFor(() => {
      expect(screen.queryByRole('dialog')).toBeNull()
    })
  })

  test('a source whose document is gone shows the passage as it was cited', async () => {
    known([execution()], { [FIRST]: WHOLE })
    network.use(...documentOf('gone', ''))
    const { user } = await openedLive()

    await user.click(await screen.findByRole('button', { name: /document-1\.md/ }))

    const source = await screen.findByRole('dialog')
    expect(await within(source).findByText(/The document has been deleted/)).toBeVisible()
    expect(within(source).getByText('Blood absorbs light.').closest('mark')).toBeVisible()
  })

  test('the log is filtered by kind and by what its lines say, and an event opens as it came', async () => {
    known([execution()], { [FIRST]: WHOLE })
    const { user } = await openedLive()
    await screen.findByRole('log')

    await user.click(screen.getByRole('button', { name: /^Progress 1/ }))
    await logged(['Started', '[STEP]', '[MESSAGE]', 'Completed'])
    await user.click(screen.getByRole('button', { name: /^Deltas 2/ }))
    await logged(['Started', '[STEP]', '[DELTA]', '[DELTA]', '[MESSAGE]', 'Completed'])
    await user.type(screen.getByRole('searchbox', { name: 'Find in the log' }), 'found')
    await logged(['[STEP]'])

    await user.click(screen.getByRole('button', { name: /Found 1 passages/ }))

    expect(screen.getByRole('region', { name: 'Event 3' })).toHaveTextContent('"step": "retrieve"')
  })

  test('an earlier execution shows its own log', async () => {
    const other = log(SECOND, started('Another?'), failed('The MCP service is away.'))
    known([execution({ id: SECOND, status: 'failed', input_data: { query: 'Another?' } }), execution()], {
      [FIRST]: WHOLE,
      [SECOND]: other,
    })
    const { user, router } = await openedLive()
    await screen.findByRole('heading', { name: 'Another?' })
    await logged(['Started', 'Error'])

    await user.click(screen.getByRole('link', { name: /What is fNIRS/ }))

    expect(await screen.findByRole('heading', { name: 'What is fNIRS?' })).toBeVisible()
    await logged(['Started', '[PROGRESS]', '[STEP]', '[MESSAGE]', 'Completed'])
    expect(router.currentRoute.value.query).toEqual({ execution: FIRST })
  })

  test('an answer is Markdown', async () => {
    const answer = '## Light\n\n- **absorbed** [1]\n- `scattered`\n\n[more](https://example.org/a)'
    known([execution()], { [FIRST]: log(FIRST, started(), completed(answer, source(1))) })

    await openedLive()

    const shown = await screen.findByRole('region', { name: 'Answer' })
    expect(within(shown).getByRole('heading', { name: 'Light' })).toBeVisible()
    expect(within(shown).getAllByRole('listitem')).toHaveLength(2)
    expect(within(shown).getByText('absorbed').tagName).toBe('STRONG')
    expect(within(shown).getByRole('link', { name: 'more' })).toHaveAttribute(
      'rel',
      expect.stringContaining('noopener'),
    )
    expect(within(shown).getByRole('link', { name: 'Source 1: document-1.md' })).toBeVisible()
  })

  test('an answer that tries to be script stays words', async () => {
    const answer = [
      '<script>window.broken = true</script>',
      '[run](javascript:window.broken=true) ![x](https://evil.example/pixel.png "onerror")',
      '[1]: javascript:alert(1)',
      '<iframe srcdoc="<script>parent.broken = true</script>"></iframe>',
    ].join('\n\n')
    known([execution()], { [FIRST]: log(FIRST, started(), completed(answer, source(1))) })

    await openedLive()

    const shown = await screen.findByRole('region', { name: 'Answer' })
    expect(shown).toHaveTextContent('<script>window.broken = true</script>')
    expect(shown.querySelector('script, iframe, img, [onerror]')).toBeNull()
    expect(within(shown).queryByRole('link', { name: 'run' })).toBeNull()
    for (const link of within(shown).getAllByRole('link')) {
      expect(link.getAttribute('href')).toMatch(/^(https:|#source-1)/)
    }
  })

  test('an answer is text: what looks like HTML is shown, not run', async () => {
    const answer = '<img src=x onerror="alert(1)"> & <b>bold</b>'
    known([execution()], { [FIRST]: log(FIRST, started(), completed(answer)) })

    await openedLive()

    expect(await screen.findByRole('region', { name: 'Answer' })).toHaveTextContent(answer)
    expect(screen.queryByRole('img')).toBeNull()
  })

  test('the indicator tells when the socket is away and when it is back', async () => {
    known([])
    await openedLive()

    server.hangUp(1012)
    await screen.findByText('Reconnecting…')
    await vi.waitFor(() => {
      expect(server.opened).toHaveLength(2)
    })
    server.greet()

    expect(await screen.findByText('Live')).toBeVisible()
  })

  test('leaving the page closes the socket', async () => {
    known([])
    network.use(http.get('*/api/agents', () => HttpResponse.json({ items: [], next_cursor: null })))
    const { router } = await openedLive()

    await router.push('/')

    await vi.waitFor(() => {
      expect(server.live).toBe(0)
    })
  })
})

test('an agent that does not exist is said to be missing', async () => {
  const missing = problem({ status: 404, code: 'agent_not_found', detail: 'There is no such agent.' })
  known([])
  network.use(http.get('*/api/agents/:id', () => HttpResponse.json(missing, { status: 404 })))

  await opened(`/agents/${AGENT}`)

  expect(await screen.findByRole('heading', { name: 'There is no such agent' })).toBeVisible()
})

test('an unknown address says so and leads to the agents', async () => {
  known([])

  await opened('/nowhere')

  expect(await screen.findByRole('link', { name: 'All agents' })).toHaveAttribute('href', '/')
})
