import { screen } from '@testing-library/vue'
import { http, HttpResponse } from 'msw'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import type { Execution } from '@/api/types'
import { BrowserNotifications } from '@/testing/browserNotifications'
import { EventLogStream } from '@/testing/eventLogStream'
import { completed, delta, execution, FIRST, log, SECOND, settings, started } from '@/testing/made'
import { network } from '@/testing/network'
import { opened } from '@/testing/opened'

const LABEL = 'Notify me when it ends'
const RUNNING = log(FIRST, started(), delta(0, 'Light'))
const WHOLE = log(FIRST, started(), delta(0, 'Light'), completed('Light'))

let stream: EventLogStream

beforeEach(() => {
  known(execution({ status: 'running', completed_at: null }))
  stream = new EventLogStream()
})

afterEach(() => {
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

function known(found: Execution): void {
  network.use(
    http.get('*/api/me', () => HttpResponse.json({ id: SECOND, name: 'owner' })),
    http.get('*/api/executions/:id', () => HttpResponse.json(found)),
    http.get('*/api/executions/:id/settings', () => HttpResponse.json(settings())),
    http.get('*/api/executions/:id/events', () => HttpResponse.json({ items: WHOLE, next_after: null })),
  )
}

async function watched(events = RUNNING): ReturnType<typeof opened> {
  const page = await opened(`/executions/${FIRST}`)
  await vi.waitFor(() => {
    expect(stream.asked).toEqual([0])
  })
  stream.say(...events)
  await screen.findByRole('button', { name: 'Stop' })
  return page
}

function leave(): void {
  window.dispatchEvent(new Event('blur'))
}

function hide(): void {
  vi.spyOn(document, 'visibilityState', 'get').mockReturnValue('hidden')
}

test('it is offered once the page of a long execution was left, and asks permission on the click only', async () => {
  const notifications = new BrowserNotifications('granted')
  const { user } = await watched()
  expect(screen.queryByRole('button', { name: LABEL })).toBeNull()

  leave()
  const offer = await screen.findByRole('button', { name: LABEL, pressed: false })
  expect(notifications.asked).toBe(0)
  await user.click(offer)

  expect(await screen.findByRole('button', { name: LABEL, pressed: true })).toBeVisible()
  expect(notifications.asked).toBe(1)
  await user.click(screen.getByRole('button', { name: LABEL }))
  expect(await screen.findByRole('button', { name: LABEL, pressed: false })).toBeVisible()
})

test('it is not offered for an execution that has only begun', async () => {
  new BrowserNotifications('granted')
  const timestamp = new Date().toISOString()
  await watched(RUNNING.map((event) => ({ ...event, timestamp })))

  leave()
  await new Promise((drawn) => requestAnimationFrame(drawn))

  expect(screen.queryByRole('button', { name: LABEL })).toBeNull()
})

test('a click on the notification opens the execution', async () => {
  const notifications = new BrowserNotifications('granted')
  const { user, router } = await watched()
  leave()
  await user.click(await screen.findByRole('button', { name: LABEL }))
  await router.push('/nowhere')

  hide()
  known(execution())
  await vi.waitFor(
    () => {
      expect(notifications.shown).toMatchObject([{ title: 'The answer is ready', body: 'What is fNIRS?' }])
    },
    { timeout: 10_000 },
  )
  notifications.shown[0]!.onclick?.()

  await vi.waitFor(() => {
    expect(router.currentRoute.value.params.id).toBe(FIRST)
  })
  expect(notifications.shown[0]!.isClosed).toBe(true)
}, 15_000)

test('an end that the page hears of is told at once', async () => {
  const notifications = new BrowserNotifications('granted')
  const { user } = await watched()
  leave()
  await user.click(await screen.findByRole('button', { name: LABEL }))

  hide()
  known(execution({ status: 'failed' }))
  stream.say(...WHOLE.slice(2))

  await vi.waitFor(() => {
    expect(notifications.shown).toMatchObject([{ title: 'The execution failed' }])
  })
})

test('nothing is said to somebody who sees the page', async () => {
  const notifications = new BrowserNotifications('granted')
  const { user } = await watched()
  leave()
  await user.click(await screen.findByRole('button', { name: LABEL }))
  let looks = 0
  network.use(
    http.get('*/api/executions/:id', () => {
      looks += 1
      return HttpResponse.json(execution())
    }),
  )

  stream.say(...WHOLE.slice(2))
  // The page looks once for its own times, and once for the notification.
  await vi.waitFor(() => {
    expect(looks).toBe(2)
  })
  await screen.findByRole('button', { name: 'Retry' })

  expect(notifications.shown).toEqual([])
})

test('a denied permission is explained', async () => {
  new BrowserNotifications('denied')
  const { user } = await watched()
  leave()

  await user.click(await screen.findByRole('button', { name: LABEL }))

  expect(await screen.findByText(/Your browser blocks notifications/)).toBeVisible()
  expect(screen.queryByRole('button', { name: LABEL })).toBeNull()
})
