import '@testing-library/jest-dom/vitest'

import { cleanup, configure } from '@testing-library/vue'
import { EventSource } from 'eventsource'
import { afterAll, afterEach, beforeAll } from 'vitest'

import { network } from './network'

// happy-dom has none.
globalThis.EventSource = EventSource

// A page is brought, and in tests compiled, when it is first wanted.
configure({ asyncUtilTimeout: 5_000 })

// happy-dom lays nothing out: every window is as high as a tall screen, and every line as high as a line.
Object.defineProperty(HTMLElement.prototype, 'clientHeight', { configurable: true, get: () => 2_400 })
Object.defineProperty(HTMLElement.prototype, 'offsetHeight', { configurable: true, get: () => 24 })

beforeAll(() => {
  network.listen({
    onUnhandledRequest(request, print) {
      // Sockets go to a real server.
      if (!new URL(request.url).pathname.startsWith('/ws/')) {
        print.error()
      }
    },
  })
})
afterEach(() => {
  cleanup()
  network.resetHandlers()
})
afterAll(() => {
  network.close()
})
