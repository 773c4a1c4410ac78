import '@testing-library/jest-dom/vitest'

import { cleanup, configure } from '@testing-library/vue'
import { EventSource } from 'eventsource'
import { afterAll, afterEach, beforeAll } from 'vitest'

import { network } from './network'

// happy-dom has none.
globalThis.EventSource = EventSource

// A page is brought, and in tests compiled, when it is first wanted.
configure({ asyncUtilTimeout: 5_000 })

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
