import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import { LiveServer } from '@/testing/liveServer'
import { AGENT, FIRST } from '@/testing/made'

import { openLiveSocket, socketAddress, type LiveSocket } from './liveSocket'

const A_MINUTE = 60_000
const A_FEW_SECONDS = 3_000

let server: LiveServer
let socket: LiveSocket
/** What the listener was told, in its order. */
let told: string[]

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'] })
  server = await LiveServer.start()
  told = []
  socket = openLiveSocket(socketAddress(AGENT), {
    opened: () => told.push('opened'),
    received: ({ type }) => told.push(type),
    lost: () => told.push('lost'),
    refused: (code) => told.push(`refused ${code}`),
  })
  await greeted(1)
})

afterEach(async () => {
  socket.close()
  await server.stop()
  vi.useRealTimers()
})

/** The socket of that number is there, and has heard from the server. */
async function greeted(number: number): Promise<void> {
  await vi.waitFor(() => {
    expect(server.opened).toHaveLength(number)
  })
  server.greet()
  await vi.waitFor(() => {
    expect(told.filter((word) => word === 'opened')).toHaveLength(number)
  })
}

/** The clock goes on, and nothing runs meanwhile; then the machine is awake for a few seconds. */
async function slept(milliseconds: number): Promise<void> {
  vi.setSystemTime(Date.now() + milliseconds)
  await vi.advanceTimersByTimeAsync(A_FEW_SECONDS)
}

test('after a sleep the socket is opened anew, and the old one is let go', async () => {
  await slept(A_MINUTE)
  await greeted(2)

  expect(told).toEqual(['opened', 'connection', 'lost', 'opened', 'connection'])
  await vi.waitFor(() => {
    expect(server.live).toBe(1)
  })
})

test('what is sent while the new socket is not greeted yet is not lost in the old one', async () => {
  await slept(A_MINUTE)
  await vi.waitFor(() => {
    expect(server.opened).toHaveLength(2)
  })

  expect(socket.send({ action: 'stop_agent', execution_id: FIRST, request_id: 'stop' })).toBe(false)
})

test('a page that is awake keeps its socket, however long', async () => {
  await vi.advanceTimersByTimeAsync(10 * A_MINUTE)

  expect(server.opened).toHaveLength(1)
  expect(told).toEqual(['opened', 'connection'])
})

test('a socket that was closed stays closed after a sleep', async () => {
  socket.close()

  await slept(A_MINUTE)

  expect(server.opened).toHaveLength(1)
})
