import { screen } from '@testing-library/vue'
import { http, HttpResponse } from 'msw'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

import type { Execution } from '@/api/types'
import { ChangeStream } from '@/testing/changeStream'
import { execution, SECOND } from '@/testing/made'
import { network } from '@/testing/network'
import { opened } from '@/testing/opened'

import { useExecutionChangesStore } from './executionChangesStore'

let stream: ChangeStream

beforeEach(() => {
  stream = new ChangeStream()
  network.use(http.get('*/api/me', () => HttpResponse.json({ id: SECOND, name: 'owner' })))
})

afterEach(() => {
  vi.restoreAllMocks()
})

async function live(): Promise<ReturnType<typeof useExecutionChangesStore>> {
  await opened('/nowhere')
  const changes = useExecutionChangesStore()
  await vi.waitFor(() => {
    expect(changes.phase).toBe('live')
  })
  return changes
}

const banner = () => screen.getByRole('status', { name: 'Health' })

describe('the stream of changes', () => {
  test('is one for all that read it, until they read no more', async () => {
    const changes = await live()
    const [first, second]: Execution[][] = [[], []]
    const stopReading = changes.read({ changed: (one) => first!.push(one) })
    changes.read({ changed: (one) => second!.push(one) })

    stream.say(execution({ status: 'queued' }))
    await vi.waitFor(() => {
      expect(second).toHaveLength(1)
    })
    stopReading()
    stream.say(execution({ status: 'running' }))
    await vi.waitFor(() => {
      expect(second).toHaveLength(2)
    })

    expect(first!.map(({ status }) => status)).toEqual(['queued'])
    expect(stream.asked).toBe(1)
  })

  test('says when it is open again, so that what was missed is read', async () => {
    const changes = await live()
    const opened = vi.fn()
    changes.read({ opened })

    stream.breakOff()

    await vi.waitFor(() => {
      expect(opened).toHaveBeenCalledTimes(1)
    })
    expect(changes.phase).toBe('live')
  })

  test('that falls silent is shown within three seconds, and is heard again', async () => {
    const changes = await live()
    const opened = vi.fn()
    changes.read({ opened })
    stream.beat()

    await vi.waitFor(
      () => {
        expect(banner()).toHaveTextContent('Connection lost; reconnecting…')
      },
      { timeout: 3_000 },
    )
    stream.beat()

    await vi.waitFor(() => {
      expect(banner()).toHaveTextContent(/^$/)
    })
    expect(opened).not.toHaveBeenCalled()
  })

  test('that is refused says why, until it is open', async () => {
    const detail = 'You have 2000 sockets and streams open, the most per user.'
    const problem = { status: 429, code: 'too_many_streams', title: 'Too Many Requests', detail }
    network.use(http.get('*/api/executions/stream', () => HttpResponse.json(problem, { status: 429 })))
    await opened('/nowhere')
    await vi.waitFor(() => {
      expect(banner()).toHaveTextContent(detail)
    })

    stream = new ChangeStream()

    await vi.waitFor(
      () => {
        expect(banner()).toHaveTextContent(/^$/)
      },
      { timeout: 5_000 },
    )
  })

  test('is closed at the log-in page', async () => {
    const { router } = await opened('/nowhere')
    await vi.waitFor(() => {
      expect(useExecutionChangesStore().phase).toBe('live')
    })

    await router.push('/login')

    await vi.waitFor(() => {
      expect(useExecutionChangesStore().phase).toBe('closed')
    })
  })
})

test('who is offline is told so, and nothing else', async () => {
  await live()

  vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(false)
  window.dispatchEvent(new Event('offline'))

  await vi.waitFor(() => {
    expect(banner()).toHaveTextContent(/^You are offline\. Updates resume when the network is back\.$/)
  })
})
