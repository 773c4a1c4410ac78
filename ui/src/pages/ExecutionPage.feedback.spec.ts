import { screen } from '@testing-library/vue'
import { http, HttpResponse } from 'msw'
import { expect, test, vi } from 'vitest'

import { completed, execution, FIRST, log, message, problem, SECOND, settings, started } from '@/testing/made'
import { network } from '@/testing/network'
import { opened } from '@/testing/opened'

const given = { updated_at: '2026-01-01T10:01:00Z', note: null, verdict: 'up' as const }

function known(): void {
  network.use(
    http.get('*/api/me', () => HttpResponse.json({ id: SECOND, name: 'owner' })),
    http.get('*/api/executions/:id', () => HttpResponse.json(execution({ feedback: given }))),
    http.get('*/api/executions/:id/settings', () => HttpResponse.json(settings())),
    http.get('*/api/executions/:id/events', () =>
      HttpResponse.json({
        items: log(FIRST, started(), message('Light.'), completed('Light.')),
        next_after: null,
      }),
    ),
  )
}

test('feedback is changed, gets a note and is removed', async () => {
  known()
  const asked: unknown[] = []
  network.use(
    http.put('*/api/executions/:id/feedback', async ({ request }) => {
      const body = (await request.json()) as { verdict: 'up' | 'down'; note: string | null }
      asked.push(body)
      return HttpResponse.json(execution({ feedback: { ...given, ...body } }))
    }),
    http.delete('*/api/executions/:id/feedback', () => {
      asked.push('removed')
      return HttpResponse.json(execution())
    }),
  )
  const { user } = await opened(`/executions/${FIRST}`)
  expect(await screen.findByRole('button', { name: 'Good answer', pressed: true })).toBeVisible()

  await user.click(screen.getByRole('button', { name: 'Bad answer' }))
  await screen.findByRole('button', { name: 'Bad answer', pressed: true })
  await user.type(screen.getByRole('textbox', { name: 'Note' }), 'Too short{Enter}')
  await vi.waitFor(() => {
    expect(asked).toHaveLength(2)
    expect(screen.getByRole('button', { name: 'Bad answer' })).toBeEnabled()
  })
  await user.click(screen.getByRole('button', { name: 'Bad answer' }))

  expect(await screen.findByRole('button', { name: 'Bad answer', pressed: false })).toBeVisible()
  await vi.waitFor(() => {
    expect(asked).toEqual([
      { verdict: 'down', note: null },
      { verdict: 'down', note: 'Too short' },
      'removed',
    ])
  })
})

test('feedback that is refused is said in the words of the API', async () => {
  known()
  const refusal = problem({ status: 503, code: 'database_away', detail: 'The database does not answer.' })
  network.use(http.put('*/api/executions/:id/feedback', () => HttpResponse.json(refusal, { status: 503 })))
  const { user } = await opened(`/executions/${FIRST}`)

  await user.click(await screen.findByRole('button', { name: 'Bad answer' }))

  expect(await screen.findByText('The database does not answer.')).toBeVisible()
  expect(screen.getByRole('button', { name: 'Good answer', pressed: true })).toBeVisible()
})
