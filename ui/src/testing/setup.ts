import '@testing-library/jest-dom/vitest'

import { cleanup } from '@testing-library/vue'
import { EventSource } from 'eventsource'
import { afterAll, afterEach, beforeAll } from 'vitest'

import { network } from './network'

// happy-dom has none.
globalThis.EventSource = EventSource

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
