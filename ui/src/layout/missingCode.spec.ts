import { createPinia, setActivePinia } from 'pinia'
import { http, HttpResponse } from 'msw'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createMemoryHistory, createRouter, type Router } from 'vue-router'

import { useHealthStore } from '@/health/healthStore'
import { health } from '@/testing/made'
import { network } from '@/testing/network'
import { useToastStore } from '@/toasts/toastStore'

import { recoverMissingCode } from './missingCode'

let router: Router
let loaded: (string | URL)[]

beforeEach(async () => {
  setActivePinia(createPinia())
  sessionStorage.clear()
  loaded = []
  vi.spyOn(window.location, 'assign').mockImplementation((address) => void loaded.push(address))
  router = createRouter({
    history: createMemoryHistory(),
    routes: [
      { path: '/', component: { render: () => null } },
      { path: '/gone', component: () => Promise.reject(gone()) },
      { path: '/faulty', component: () => Promise.reject(new Error('a fault in the page')) },
    ],
  })
  recoverMissingCode(router)
  await router.push('/')
})

afterEach(() => {
  vi.restoreAllMocks()
})

/** As Vite tells of code that does not come. */
function gone(): Error {
  const error = new TypeError('Failed to fetch dynamically imported module')
  window.dispatchEvent(Object.assign(new Event('vite:preloadError'), { payload: error }))
  return error
}

test('a page whose code is gone is loaded as a whole, once', async () => {
  const toasts = useToastStore()

  await router.push('/gone').catch(() => undefined)
  await vi.waitFor(() => {
    expect(loaded).toEqual(['/gone'])
  })
  await router.push('/gone').catch(() => undefined)

  await vi.waitFor(() => {
    expect(toasts.shown).toHaveLength(1)
  })
  expect(loaded).toEqual(['/gone'])
  expect(toasts.shown[0]).toMatchObject({ title: 'Could not load this page' })
})

test('while the API is away the page stays, and says so with a way to try again', async () => {
  network.use(http.get('*/api/health', () => HttpResponse.error()))
  const toasts = useToastStore()

  await router.push('/gone').catch(() => undefined)

  await vi.waitFor(() => {
    expect(toasts.shown).toHaveLength(1)
  })
  expect(toasts.shown[0]).toMatchObject({
    detail: 'Can’t reach Dynavera. Reconnecting…',
    code: 'unreachable',
  })
  expect(loaded).toEqual([])
  toasts.shown[0]?.action?.run()
  expect(loaded).toEqual(['/gone'])
})

test('a page that was wanted while the API was away opens when it is back', async () => {
  network.use(http.get('*/api/health', () => HttpResponse.error()))
  await router.push('/gone').catch(() => undefined)
  await vi.waitFor(() => {
    expect(useToastStore().shown).toHaveLength(1)
  })
  expect(loaded).toEqual([])

  network.use(http.get('*/api/health', () => HttpResponse.json(health())))
  await useHealthStore().look()

  await vi.waitFor(() => {
    expect(loaded).toEqual(['/gone'])
  })
})

test('a page with a fault of its own is not loaded again', async () => {
  await router.push('/faulty').catch(() => undefined)
  await new Promise((resolve) => setTimeout(resolve))

  expect(loaded).toEqual([])
  expect(useToastStore().shown).toEqual([])
})
