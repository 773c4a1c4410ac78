import { screen } from '@testing-library/vue'
import { http, HttpResponse } from 'msw'
import { expect, test, vi } from 'vitest'

import { destination } from '@/session/useLogin'
import { agent, problem, SECOND } from '@/testing/made'
import { network } from '@/testing/network'
import { opened } from '@/testing/opened'

const NOBODY = problem({ status: 401, code: 'unauthenticated', detail: 'Log in first.' })

/** An API that knows the browser once it has shown `credential`. */
function guarded(credential: object): { shown: unknown[] } {
  const seen = { shown: [] as unknown[] }
  let isKnown = false
  const answer = (body: object) =>
    isKnown ? HttpResponse.json(body) : HttpResponse.json(NOBODY, { status: 401 })
  network.use(
    http.post('*/api/login', async ({ request }) => {
      const body = await request.json()
      seen.shown.push(body)
      isKnown = JSON.stringify(body) === JSON.stringify(credential)
      const refusal = problem({ status: 401, code: 'bad_code', detail: 'This link was used before.' })
      return isKnown ? new HttpResponse(null, { status: 204 }) : HttpResponse.json(refusal, { status: 401 })
    }),
    http.get('*/api/me', () => answer({ id: SECOND, name: 'owner' })),
    http.get('*/api/agents', () => answer({ items: [agent()], next_cursor: null })),
    http.post('*/api/logout', () => {
      isKnown = false
      return new HttpResponse(null, { status: 204 })
    }),
  )
  return seen
}

test('a link logs in with its code, once, and leaves no code in the address', async () => {
  const seen = guarded({ code: 'abc' })

  const { router } = await opened('/login#code=abc')

  expect(await screen.findByRole('link', { name: 'Research assistant' })).toBeVisible()
  expect(router.currentRoute.value.fullPath).toBe('/')
  expect(seen.shown).toEqual([{ code: 'abc' }])
})

test('a used link says so, and an API key still opens', async () => {
  guarded({ api_key: 'dyn-key' })
  const { user, router } = await opened('/login#code=used')
  expect(await screen.findByRole('alert')).toHaveTextContent('This link was used before.')
  expect(router.currentRoute.value.hash).toBe('')

  await user.type(screen.getByLabelText('API key'), ' dyn-key ')
  await user.click(screen.getByRole('button', { name: 'Log in' }))

  expect(await screen.findByRole('link', { name: 'Research assistant' })).toBeVisible()
})

test('a used link leads who is logged in already home', async () => {
  guarded({ code: 'abc' })
  const { router } = await opened('/login#code=abc')
  await screen.findByRole('link', { name: 'Research assistant' })
  const refusal = problem({ status: 401, code: 'bad_code', detail: 'This link was used before.' })
  network.use(http.post('*/api/login', () => HttpResponse.json(refusal, { status: 401 })))

  await router.push('/login#code=abc')

  expect(await screen.findByRole('link', { name: 'Research assistant' })).toBeVisible()
  expect(router.currentRoute.value.fullPath).toBe('/')
})

test('who is not known is led to the log-in page, and back to where they were', async () => {
  guarded({ api_key: 'dyn-key' })
  const { user, router } = await opened('/?page=2')
  await screen.findByRole('heading', { name: 'Log in' })

  await user.type(screen.getByLabelText('API key'), 'dyn-key')
  await user.click(screen.getByRole('button', { name: 'Log in' }))

  await screen.findByRole('link', { name: 'Research assistant' })
  expect(router.currentRoute.value.fullPath).toBe('/?page=2')
})

test('logging out leads to the log-in page', async () => {
  guarded({ code: 'abc' })
  const { user, router } = await opened('/login#code=abc')

  await user.click(await screen.findByRole('button', { name: 'Account: owner' }))
  await user.click(await screen.findByRole('menuitem', { name: 'Log out' }))

  await vi.waitFor(() => {
    expect(router.currentRoute.value.name).toBe('login')
  })
})

test.each([
  ['/agents/1?execution=2', '/agents/1?execution=2'],
  ['//elsewhere.example', '/'],
  ['/\\elsewhere.example', '/'],
  ['https://elsewhere.example', '/'],
  [undefined, '/'],
])('after the log-in %j leads to %s', (next, path) => {
  expect(destination(next)).toBe(path)
})
