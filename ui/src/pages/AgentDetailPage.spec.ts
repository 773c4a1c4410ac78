import { screen, within } from '@testing-library/vue'
import { http, HttpResponse } from 'msw'
import { describe, expect, test, vi } from 'vitest'

import { known, live, logged, openedLive, sent, tags, WHOLE } from '@/testing/agentPage'
import {
  AGENT,
  delta,
  execution,
  failed,
  FIRST,
  knownDocument,
  log,
  passage,
  problem,
  SECOND,
  started,
  stopped,
} from '@/testing/made'
import { network } from '@/testing/network'
import { opened } from '@/testing/opened'

describe('asking', () => {
  test('starts the agent and shows the answer growing, its sources and its log', async () => {
    known([])
    const { user } = await openedLive()
    await screen.findByText('Ask the first question')

    await user.type(screen.getByRole('textbox', { name: 'Question' }), 'What is fNIRS?{Enter}')
    const { request_id, input_data } = await sent('start_agent')
    known([execution({ status: 'running', temporal_url: 'http://temporal/x' })])
    live.server.say({
      type: 'accepted',
      action: 'start_agent',
      request_id: String(request_id),
      execution_id: FIRST,
    })
    live.server.say(...WHOLE.slice(0, 4))

    expect(input_data).toEqual({ query: 'What is fNIRS?' })
    const answer = await screen.findByRole('region', { name: 'Answer' })
    expect(answer).toHaveTextContent('Light')
    expect(answer).toHaveAttribute('aria-busy', 'true')
    expect(screen.getByRole('button', { name: 'Stop' })).toBeVisible()

    live.server.say(...WHOLE.slice(4))

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

  test('is led on to by questions about what the documents say', async () => {
    known([])
    network.use(
      http.get('*/api/documents', () => HttpResponse.json({ items: [knownDocument()], next_cursor: null })),
      http.get('*/api/documents/:id/passages', () =>
        HttpResponse.json({
          items: [passage('Light.', 0, 6, { heading: 'Notes › Why light?' })],
          next_cursor: null,
        }),
      ),
    )
    const { user } = await openedLive()

    await user.click(await screen.findByRole('button', { name: 'Why light?' }))

    expect((await sent('start_agent')).input_data).toEqual({ query: 'Why light?' })
  })

  test('nothing says which field is blank, and sends nothing', async () => {
    known([])
    const { user } = await openedLive()

    await user.click(screen.getByRole('button', { name: 'Ask' }))

    expect(screen.getByText('Type a question first.')).toBeVisible()
    expect(live.server.asked).toEqual([])
  })

  test('in raw JSON is checked while it is written, and sent as it is', async () => {
    known([])
    const { user } = await openedLive()
    await user.click(screen.getByRole('tab', { name: 'JSON' }))
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
    await user.click(screen.getByRole('button', { name: 'Ask' }))

    expect((await sent('start_agent')).input_data).toEqual({ query: 'Why?', language: 'en' })
  })

  test('what could not be started is said at the question', async () => {
    known([])
    const { user } = await openedLive()
    await user.type(screen.getByRole('textbox', { name: 'Question' }), 'Why?{Enter}')
    const { request_id } = await sent('start_agent')

    live.server.say({
      type: 'error',
      message: 'Temporal is away.',
      code: 'temporal_away',
      request_id: String(request_id),
    })

    const form = screen.getByRole('form', { name: 'Ask the agent' })
    expect(await within(form).findByRole('alert')).toHaveTextContent(/Temporal is away\.\s*temporal_away/)
    await vi.waitFor(() => {
      expect(screen.getByRole('button', { name: 'Ask' })).toBeEnabled()
    })
    expect(screen.getByRole('textbox', { name: 'Question' })).toHaveValue('Why?')
  })

  test('is stopped by Stop, and keeps what had been written', async () => {
    known([execution({ status: 'running' })])
    const { user } = await openedLive()
    await sent('subscribe')
    live.server.say(...WHOLE.slice(0, 4))

    await user.click(await screen.findByRole('button', { name: 'Stop' }))
    expect((await sent('stop_agent')).execution_id).toBe(FIRST)
    live.server.say(
      ...log(FIRST, started(), started(), started(), started(), stopped('Light ', null)).slice(4),
    )

    expect(await screen.findByText('Stopped here: the answer is incomplete.')).toBeVisible()
    expect(tags().at(-1)).toBe('Stopped')
    expect(
      screen.getByText('stopped in 1.0 s (not confirmed by the generator), 6 characters kept'),
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
    live.server.say(...log(SECOND, started(), delta(0, 'Light ')))

    expect(await screen.findByRole('region', { name: 'Answer' })).toHaveTextContent('Light')
    expect(retried).toEqual([FIRST])
    expect(router.currentRoute.value.query).toEqual({ execution: SECOND })
    expect(screen.queryByRole('button', { name: 'Retry' })).toBeNull()
  })

  test('again is refused in the words of the API', async () => {
    const refusal = problem({ status: 503, code: 'temporal_away', detail: 'Temporal is not responding.' })
    known([execution()], { [FIRST]: WHOLE })
    network.use(http.post('*/api/executions/:id/retry', () => HttpResponse.json(refusal, { status: 503 })))
    const { user } = await openedLive()

    await user.click(await screen.findByRole('button', { name: 'Retry' }))

    expect(await screen.findByRole('alert')).toHaveTextContent('Temporal is not responding.')
    expect(screen.getByRole('button', { name: 'Retry' })).toBeEnabled()
  })
})

test('a question that is typed stays when one leaves the page', async () => {
  known([])
  const { user, router } = await openedLive()
  await user.type(screen.getByRole('textbox', { name: 'Question' }), 'Half a quest')

  await router.push('/nowhere')
  await screen.findByRole('link', { name: 'All agents' })
  router.back()

  expect(await screen.findByRole('textbox', { name: 'Question' })).toHaveValue('Half a quest')
})

test('the title of the tab names the agent, whichever execution is shown', async () => {
  known([execution()], { [FIRST]: WHOLE })

  await openedLive()
  await screen.findByRole('region', { name: 'Answer' })

  await vi.waitFor(() => {
    expect(document.title).toBe('Research assistant · Dynavera')
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
