import { screen, within } from '@testing-library/vue'
import { http, HttpResponse } from 'msw'
import { expect, test, vi } from 'vitest'

import {
  agent,
  AGENT,
  completed,
  execution,
  FIRST,
  log,
  SECOND,
  settings,
  source,
  started,
} from '@/testing/made'
import { network } from '@/testing/network'
import { opened } from '@/testing/opened'

const ANSWERS: Record<string, string> = {
  [FIRST]: 'Light is absorbed by blood [1].',
  [SECOND]: 'Light is scattered by blood [1].',
}

function known(): void {
  const both = [execution({ id: SECOND, input_data: { query: 'Why again?' } }), execution()]
  network.use(
    http.get('*/api/me', () => HttpResponse.json({ id: SECOND, name: 'owner' })),
    http.get(`*/api/agents/${AGENT}/executions`, () => HttpResponse.json({ items: both, next_cursor: null })),
    http.get('*/api/executions/:id', ({ params }) =>
      HttpResponse.json(both.find(({ id }) => id === params.id)),
    ),
    http.get('*/api/executions/:id/settings', ({ params }) =>
      HttpResponse.json(settings({ top_k: params.id === FIRST ? 4 : 9 })),
    ),
    http.get('*/api/executions/:id/events', ({ params }) => {
      const id = String(params.id)
      return HttpResponse.json({
        items: log(id, started(), completed(ANSWERS[id] ?? '', source(1))),
        next_after: null,
      })
    }),
  )
}

test('two executions stand side by side, with the words that differ marked', async () => {
  known()
  const { user } = await opened(`/executions/compare?a=${FIRST}&b=${SECOND}`)

  const left = await screen.findByRole('article', { name: 'Left' })
  const right = screen.getByRole('article', { name: 'Right' })
  expect(within(left).getByText('absorbed').tagName).toBe('MARK')
  expect(within(right).getByText('scattered').tagName).toBe('MARK')
  const passages = within(screen.getByRole('table', { name: 'Settings' })).getByRole('row', {
    name: /Passages/,
  })
  expect(
    within(passages)
      .getAllByRole('cell')
      .map(({ textContent }) => textContent),
  ).toEqual(['4', '9'])

  await user.click(screen.getByRole('checkbox', { name: 'Highlight differences' }))

  expect(within(left).queryByText('absorbed')).toBeNull()
  expect(within(left).getByRole('region', { name: 'Left answer' })).toHaveTextContent(ANSWERS[FIRST]!)
})

test('the sides are swapped in the address', async () => {
  known()
  const { user, router } = await opened(`/executions/compare?a=${FIRST}&b=${SECOND}`)

  await user.click(await screen.findByRole('button', { name: 'Swap' }))

  await vi.waitFor(() => {
    expect(router.currentRoute.value.query).toEqual({ a: SECOND, b: FIRST })
  })
})

test('with one execution, the other is picked from those of its agent', async () => {
  known()
  const { user, router } = await opened(`/executions/compare?a=${FIRST}`)

  await user.click(await screen.findByRole('button', { name: /Why again\?/ }))

  expect(router.currentRoute.value.query).toEqual({ a: FIRST, b: SECOND })
  expect(await screen.findByRole('article', { name: 'Right' })).toHaveTextContent('Why again?')
})

test('without any, one question is asked of two agents, whose executions are compared', async () => {
  known()
  const asked: unknown[] = []
  network.use(
    http.get('*/api/agents', () =>
      HttpResponse.json({ items: [agent(), agent({ id: SECOND, name: 'Critic' })], next_cursor: null }),
    ),
    http.post('*/api/agents/:id/executions', async ({ params, request }) => {
      asked.push([params.id, await request.json()])
      return HttpResponse.json(execution({ id: params.id === AGENT ? FIRST : SECOND }), { status: 202 })
    }),
  )
  const { user, router } = await opened('/executions/compare')
  await screen.findByRole('button', { name: 'Second agent: Critic' })
  await user.click(screen.getByRole('button', { name: 'Ask both' }))
  expect(screen.getByRole('alert')).toHaveTextContent('Type a question first')
  await user.type(screen.getByRole('textbox', { name: 'Question' }), 'Why?')

  await user.click(screen.getByRole('button', { name: 'Ask both' }))

  expect(await screen.findByRole('article', { name: 'Left' })).toBeVisible()
  expect(router.currentRoute.value.query).toEqual({ a: FIRST, b: SECOND })
  const input = { input_data: { query: 'Why?' } }
  expect(asked).toEqual([
    [AGENT, input],
    [SECOND, input],
  ])
})
