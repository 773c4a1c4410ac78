import { render, screen } from '@testing-library/vue'
import userEvent from '@testing-library/user-event'
import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { nextTick } from 'vue'

import ToastList from './ToastList.vue'
import { useToastStore } from './toastStore'

beforeEach(() => {
  const pinia = createPinia()
  setActivePinia(pinia)
  render(ToastList, { global: { plugins: [pinia] } })
})

afterEach(() => {
  vi.useRealTimers()
})

const region = () => screen.getByRole('region', { name: /^Notifications/ })

test('a toast says what has happened, with the code of a problem', async () => {
  useToastStore().say({ title: 'Not deleted', detail: 'It still runs.', code: 'agent_busy', tone: 'bad' })
  await nextTick()

  expect(region()).toHaveTextContent(/Not deleted\s*It still runs\. agent_busy/)
})

test('its action is done once, and the toast is gone', async () => {
  const user = userEvent.setup()
  const undo = vi.fn()
  useToastStore().say({ title: 'Deleted', action: { label: 'Undo', run: undo } })

  await user.click(await screen.findByRole('button', { name: 'Undo' }))

  expect(undo).toHaveBeenCalledTimes(1)
  expect(screen.queryByText('Deleted')).toBeNull()
})

test('it is dismissed by its button, by Escape, and by who said it', async () => {
  const user = userEvent.setup()
  const toasts = useToastStore()
  toasts.say({ title: 'First' })
  await user.click(await screen.findByRole('button', { name: 'Dismiss' }))
  expect(toasts.shown).toEqual([])

  toasts.say({ title: 'Second' })
  await nextTick()
  await user.tab()
  await user.tab()
  await user.keyboard('{Escape}')
  await vi.waitFor(() => {
    expect(toasts.shown).toEqual([])
  })

  const takeBack = toasts.say({ title: 'Third' })
  takeBack()
  expect(toasts.shown).toEqual([])
})

test('it goes by itself, later where something can be done, and no more than four stand there', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
  const toasts = useToastStore()
  toasts.say({ title: 'Short' })
  toasts.say({ title: 'Longer', action: { label: 'Undo', run: () => undefined } })
  await nextTick()
  await vi.advanceTimersByTimeAsync(7_000)
  expect(toasts.shown.map(({ title }) => title)).toEqual(['Longer'])

  await vi.advanceTimersByTimeAsync(4_000)
  expect(toasts.shown).toEqual([])

  for (const title of ['1', '2', '3', '4', '5']) {
    toasts.say({ title })
  }
  expect(toasts.shown.map(({ title }) => title)).toEqual(['2', '3', '4', '5'])
})
