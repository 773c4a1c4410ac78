import { screen, within } from '@testing-library/vue'
import { http, HttpResponse } from 'msw'
import { describe, expect, test, vi } from 'vitest'

import { NO_MODEL } from '@/executions/quotedAnswer'
import { documentOf, known, live, logged, openedLive, sent, WHOLE } from '@/testing/agentPage'
import {
  completed,
  execution,
  failed,
  FIRST,
  log,
  message,
  problem,
  progress,
  SECOND,
  source,
  started,
  system,
} from '@/testing/made'
import { network } from '@/testing/network'

describe('reading', () => {
  test('an execution that ended shows its answer, and a marker opens its source in its document', async () => {
    known([execution()], { [FIRST]: WHOLE })
    network.use(...documentOf('unchanged', 'Before it.\n\nBlood absorbs light.\n\nAfter it.'))
    const { user } = await openedLive()

    await user.click(await screen.findByRole('link', { name: 'Source 1: document-1.md' }))

    const source = await screen.findByRole('dialog', { name: /document-1\.md/ })
    expect(await within(source).findByText('Unchanged in the document.')).toBeVisible()
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

  test('a source of an answer that is being written is looked for in its document', async () => {
    known([execution({ status: 'running', completed_at: null })])
    const missing = problem({ status: 404, code: 'not_found', detail: 'The execution has no source 1.' })
    network.use(
      http.get('*/api/executions/:id/sources/:n', () => HttpResponse.json(missing, { status: 404 })),
      http.get('*/api/documents/:id/text', () =>
        HttpResponse.json({ text: 'New words.', media_type: 'text/plain' }),
      ),
    )
    const { user } = await openedLive()
    await sent('subscribe')
    live.server.say(...WHOLE.slice(0, 3))

    await user.click(await screen.findByRole('button', { name: /document-1\.md/ }))

    const source = await screen.findByRole('dialog')
    expect(await within(source).findByText(/The document has changed\./)).toBeVisible()
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
    await user.type(screen.getByRole('searchbox', { name: 'Search the log' }), 'found')
    await logged(['[STEP]'])

    await user.click(screen.getByRole('button', { name: /Found 1 passages/ }))

    expect(screen.getByRole('region', { name: 'Event 3' })).toHaveTextContent('"step": "retrieve"')
  })

  test('the log is folded to its newest line, and stays unfolded once it was wanted', async () => {
    localStorage.clear()
    known([execution()], { [FIRST]: WHOLE })
    const { user } = await openedLive()

    const fold = await screen.findByRole('button', { name: /^Log .*Answered by extractive\.$/ })
    expect(screen.queryByRole('log')).toBeNull()
    await user.click(fold)

    expect(await screen.findByRole('log')).toBeVisible()
    expect(fold).toHaveAttribute('aria-expanded', 'true')
    expect(localStorage.getItem('dynavera-log-open')).toBe('true')
  })

  test('an attempt that failed says why, and when the next begins, instead of an answer', async () => {
    known([execution({ status: 'running', completed_at: null })])
    await openedLive()
    await sent('subscribe')
    const attempt = {
      stage: 'generating',
      message: 'Trying again.',
      attempt: 23,
      error: 'Rate limited.',
    } as const
    const events = log(FIRST, started(), progress({ ...attempt, retry_in_seconds: 5 }))
    live.server.say(...events.map((event) => ({ ...event, timestamp: new Date().toISOString() })))

    expect(await screen.findByText(/^Attempt 24, next in [45] s$/)).toBeVisible()
    expect(screen.getAllByText('Rate limited.')[0]).toBeVisible()
  })

  test('that there is no language model is a note of the page, and no part of the answer', async () => {
    const words = `“Blood absorbs light.” [1]\n\n${NO_MODEL}`
    known([execution()], { [FIRST]: log(FIRST, started(), message(words), completed(words, source(1))) })
    await openedLive()

    const answer = await screen.findByRole('region', { name: 'Answer' })
    expect(answer).toHaveTextContent('Blood absorbs light.')
    expect(answer).not.toHaveTextContent('No language model')
    expect(
      screen.getByText('No language model is configured: answers are quotations. How to add one'),
    ).toBeVisible()
  })

  test('an answer that was cut off says where longer ones are allowed', async () => {
    const output_data = {
      answer: 'Light',
      sources: [],
      generator: 'openai:test',
      usage: { prompt_tokens: 7, completion_tokens: 1024 },
      finish_reason: 'length' as const,
    }
    const cut = { type: 'execution_completed', output_data } as const
    network.use(http.get('*/api/system', () => HttpResponse.json(system())))
    known([execution()], { [FIRST]: log(FIRST, started(), cut) })
    const { user } = await openedLive()

    expect(await screen.findByText(/Cut off at 1,024 tokens/)).toBeVisible()
    await user.click(screen.getByRole('link', { name: 'Allow longer answers' }))

    expect(await screen.findByRole('dialog', { name: 'Edit agent' })).toBeVisible()
  })

  test('an answer that cites none of its sources says so', async () => {
    const output_data = {
      answer: 'Light',
      sources: [],
      generator: 'openai:test',
      usage: { prompt_tokens: 7, completion_tokens: 1 },
      finish_reason: 'stop' as const,
      cites_no_source: true,
    }
    const uncited = { type: 'execution_completed', output_data } as const
    known([execution()], { [FIRST]: log(FIRST, started(), uncited) })
    await openedLive()

    expect(await screen.findByText('This answer cites no source.')).toBeVisible()
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

    live.server.hangUp(1012)
    await screen.findByText('Reconnecting…')
    await vi.waitFor(() => {
      expect(live.server.opened).toHaveLength(2)
    })
    live.server.greet()

    expect(await screen.findByText('Live')).toBeVisible()
  })

  test('leaving the page closes the socket', async () => {
    known([])
    const { router } = await openedLive()

    await router.push('/executions/compare')

    await vi.waitFor(() => {
      expect(live.server.live).toBe(0)
    })
  })
})
