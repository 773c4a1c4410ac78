/** The agent on the screen: its live connection, and the execution that is shown. */
import { defineStore } from 'pinia'
// crypto.randomUUID is missing on pages that are served without TLS.
import { v4 as uuid } from 'uuid'
import { computed, ref, shallowReactive, watch } from 'vue'

import * as api from '@/api/client'
import { CLOSE_NO_USER, openLiveSocket, socketAddress, type LiveSocket } from '@/api/liveSocket'
import { asProblem } from '@/api/problems'
import {
  isLive,
  isTerminal,
  type ClientAction,
  type ExecutionEvent,
  type ExecutionStatus,
  type StartInput,
  type ServerMessage,
  type SocketError,
} from '@/api/types'
import { useExecutionsStore } from '@/executions/executionsStore'
import { useHealthStore } from '@/health/healthStore'
import { useSessionStore } from '@/session/sessionStore'

import { useConnectionStore } from './connectionStore'

type Start = Extract<ClientAction, { action: 'start_agent' }>

const SUBSCRIBE = 'subscribe:'
const STOP = 'stop:'
const REPLAY_AGAIN_AFTER = 2_000

interface PendingStart {
  start: Start
  settle: () => void
}

export const useAgentStore = defineStore('agent', () => {
  const executions = useExecutionsStore()
  const connection = useConnectionStore()
  const health = useHealthStore()
  const session = useSessionStore()

  const isConnected = ref(false)
  const agentId = ref<string | null>(null)
  /** The execution that is shown; a page may point it at an earlier one. */
  const currentExecutionId = ref<string | null>(null)
  const executionStatus = computed<ExecutionStatus | 'idle'>(() =>
    currentExecutionId.value === null ? 'idle' : executions.view(currentExecutionId.value).status,
  )
  const events = computed<ExecutionEvent[]>(() =>
    currentExecutionId.value === null ? [] : [...executions.view(currentExecutionId.value).events],
  )
  /** Executions that a stop was asked for and that have not ended yet. */
  const stopping = shallowReactive(new Set<string>())

  let socket: LiveSocket | null = null
  let newestId: string | null = null
  const pending = new Map<string, PendingStart>()
  const replaying = new Set<string>()

  function connect(id: string): void {
    disconnect()
    agentId.value = id
    connection.enter('connecting')
    socket = openLiveSocket(socketAddress(id), {
      opened: () => {
        void resume(id)
      },
      received: handleMessage,
      lost: (retryAt, reason) => {
        isConnected.value = false
        connection.enter('waiting', retryAt, reason)
        void health.look()
      },
      refused: (code) => {
        disconnect()
        if (code === CLOSE_NO_USER) {
          session.expire()
        } else {
          connection.enter('missing')
        }
      },
    })
  }

  function disconnect(): void {
    socket?.close()
    socket = null
    isConnected.value = false
    agentId.value = null
    currentExecutionId.value = null
    newestId = null
    replaying.clear()
    stopping.clear()
    for (const { settle } of pending.values()) {
      settle()
    }
    pending.clear()
    executions.forget()
    connection.fault = null
    connection.enter('closed')
  }

  /** The socket is open (again): ask for what was missed, and say again what got no answer. */
  async function resume(id: string): Promise<void> {
    isConnected.value = true
    connection.enter('live')
    if (connection.fault?.code === 'unreachable') {
      connection.fault = null
    }
    replaying.clear()
    for (const view of executions.views.values()) {
      if (isLive(view.status)) {
        replay(view.executionId)
      }
    }
    for (const { start } of pending.values()) {
      socket?.send(start)
    }
    await guarded(async () => {
      const [newest] = (await api.listExecutions(id, null, 1)).items
      if (newest !== undefined && agentId.value === id) {
        follow(newest.id)
      }
      if (currentExecutionId.value !== null) {
        await load(currentExecutionId.value)
      }
    })
  }

  /** A newer execution takes the place of the newest one when that has ended, never of one that was picked. */
  function follow(executionId: string): void {
    if (newestId !== null && executionId <= newestId) {
      return
    }
    const current = currentExecutionId.value
    const idle = current === null || (current === newestId && !isLive(executions.view(current).status))
    newestId = executionId
    if (idle) {
      currentExecutionId.value = executionId
    }
  }

  watch(currentExecutionId, (id) => id !== null && void guarded(() => load(id)), { flush: 'sync' })

  /** What has ended is read in one go; what still runs comes over the socket from its first event. */
  async function load(executionId: string): Promise<void> {
    if (executions.views.has(executionId)) {
      return
    }
    const owner = agentId.value
    const { status } = await api.getExecution(executionId)
    if (isLive(status) && isConnected.value) {
      replay(executionId)
      return
    }
    const { sequence } = executions.view(executionId)
    for await (const items of api.eventsAfter(executionId, sequence)) {
      if (agentId.value !== owner) {
        return
      }
      items.forEach(executions.record)
    }
  }

  function replay(executionId: string): void {
    if (!replaying.has(executionId)) {
      const after = executions.view(executionId).sequence
      const request_id = `${SUBSCRIBE}${executionId}`
      const sent = socket?.send({ action: 'subscribe', execution_id: executionId, after, request_id })
      if (sent === true) {
        replaying.add(executionId)
      }
    }
  }

  /** What can't be served now may be in a while; asking at every event that comes would be a storm. */
  function replayLater(executionId: string): void {
    const asked = socket
    setTimeout(() => {
      if (socket === asked && replaying.delete(executionId)) {
        replay(executionId)
      }
    }, REPLAY_AGAIN_AFTER)
  }

  function handleMessage(data: ServerMessage): void {
    switch (data.type) {
      case 'connection':
        break
      case 'accepted':
        accepted(data.request_id, data.execution_id)
        break
      case 'preview':
        executions.preview(data)
        break
      case 'error':
        refused(data)
        break
      default:
        happened(data)
    }
  }

  function happened(event: ExecutionEvent): void {
    if (!executions.record(event)) {
      replay(event.execution_id)
      return
    }
    replaying.delete(event.execution_id)
    if (isTerminal(event)) {
      stopping.delete(event.execution_id)
    }
    if (event.type === 'execution_started') {
      follow(event.execution_id)
    }
  }

  function accepted(requestId: string | null, executionId: string): void {
    if (requestId !== null && pending.has(requestId)) {
      show(executionId)
      settle(requestId)
    }
  }

  function refused(error: SocketError): void {
    connection.fault = { message: error.message, code: error.code }
    if (error.request_id?.startsWith(SUBSCRIBE) === true) {
      replayLater(error.request_id.slice(SUBSCRIBE.length))
    } else if (error.request_id?.startsWith(STOP) === true) {
      stopping.delete(error.request_id.slice(STOP.length))
    } else if (error.request_id !== undefined) {
      settle(error.request_id)
    }
  }

  function settle(requestId: string): void {
    pending.get(requestId)?.settle()
    pending.delete(requestId)
  }

  function show(executionId: string): void {
    newestId = newestId === null || executionId > newestId ? executionId : newestId
    currentExecutionId.value = executionId
  }

  /** Done when the start is accepted or refused; a start that is sent twice is the same execution. */
  async function startAgent(inputData: StartInput): Promise<void> {
    connection.fault = null
    const key = uuid()
    const start: Start = {
      action: 'start_agent',
      input_data: inputData,
      idempotency_key: key,
      request_id: key,
    }
    const answer = new Promise<void>((settle) => pending.set(key, { start, settle }))
    if (socket?.send(start) !== true) {
      pending.delete(key)
      const id = agentId.value
      await guarded(async () => {
        if (id !== null) {
          show((await api.startExecution(id, inputData, key)).id)
        }
      })
      return
    }
    await answer
  }

  async function stopAgent(): Promise<void> {
    const executionId = currentExecutionId.value
    connection.fault = null
    if (executionId === null) {
      return
    }
    stopping.add(executionId)
    const request_id = `${STOP}${executionId}`
    if (socket?.send({ action: 'stop_agent', execution_id: executionId, request_id }) !== true) {
      const isAccepted = await guarded(async () => {
        await api.stopExecution(executionId)
      })
      if (!isAccepted) {
        stopping.delete(executionId)
      }
    }
  }

  /** Asks the shown execution's question again, and shows the new execution. */
  async function retryAgent(): Promise<void> {
    const executionId = currentExecutionId.value
    const id = agentId.value
    connection.fault = null
    if (executionId !== null) {
      await guarded(async () => {
        const again = await api.retryExecution(executionId)
        if (agentId.value === id) {
          show(again.id)
        }
      })
    }
  }

  /** Whether it worked; why not is said. */
  async function guarded(work: () => Promise<void>): Promise<boolean> {
    try {
      await work()
      return true
    } catch (error) {
      const problem = asProblem(error)
      connection.fault = { message: problem.message, code: problem.code }
      return false
    }
  }

  return {
    isConnected,
    agentId,
    currentExecutionId,
    executionStatus,
    events,
    stopping,
    connect,
    startAgent,
    stopAgent,
    retryAgent,
    disconnect,
    handleMessage,
  }
})
