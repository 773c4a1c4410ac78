/** The files that are on their way; they go on while one looks at another page. */
import { useEventListener } from '@vueuse/core'
import { defineStore } from 'pinia'
import { computed, markRaw, ref, shallowRef } from 'vue'

import * as api from '@/api/client'
import { asProblem, type ApiProblem } from '@/api/problems'
import type { Ingestion, NamedFile } from '@/api/types'

import { isMoving, isUntaken, nextBatch, progress, settle, tooLarge, type Upload } from './uploads'

const BATCHES_AT_ONCE = 2
const TRY_AGAIN_AFTER = 3_000
/** What passes by itself: the API or a part of it is away, or has too much to do. */
const PASSING = [0, 429, 502, 503, 504]

export const useUploadsStore = defineStore('uploads', () => {
  const uploads = ref<Upload[]>([])
  /** What all wait for. */
  const hindrance = shallowRef<ApiProblem | null>(null)
  /** Grows whenever documents have come in. */
  const arrivals = ref(0)
  const isBusy = computed(() => uploads.value.some(isMoving))
  const running = new Map<Upload, AbortController>()
  let batches = 0
  let lastId = 0
  let timer: ReturnType<typeof setTimeout> | undefined

  /** The uploads as they are from now on. */
  function add(files: readonly NamedFile[], collection: string): Upload[] {
    const first = uploads.value.length
    uploads.value.push(...files.map((file) => uploadOf(file, collection)))
    pump()
    return uploads.value.slice(first)
  }

  function uploadOf({ name, file }: NamedFile, collection: string): Upload {
    lastId += 1
    const refusal = tooLarge(file)
    return {
      id: lastId,
      name,
      file: markRaw(file),
      collection,
      state: refusal === null ? 'waiting' : 'refused',
      sent: 0,
      document: null,
      detail: refusal,
      code: refusal === null ? null : 'too_large',
    }
  }

  function pump(): void {
    while (hindrance.value === null && batches < BATCHES_AT_ONCE) {
      const batch = nextBatch(uploads.value)
      if (batch.length === 0) {
        return
      }
      void send(batch)
    }
  }

  async function send(batch: Upload[]): Promise<void> {
    const controller = new AbortController()
    batches += 1
    batch.forEach((upload) => {
      Object.assign(upload, { state: 'sending', sent: 0 })
      running.set(upload, controller)
    })
    try {
      const sending = {
        progressed: (bytes: number) => {
          progress(batch.filter(isMoving), bytes)
        },
        signal: controller.signal,
      }
      arrive(batch, await api.sendFiles(batch, batch[0]?.collection ?? '', sending))
    } catch (error) {
      fail(batch.filter(isMoving), error)
    } finally {
      batches -= 1
      batch.forEach((upload) => running.delete(upload))
      pump()
    }
  }

  function arrive(batch: Upload[], ingestion: Ingestion): void {
    settle(batch, ingestion)
    if (ingestion.items.length > 0) {
      arrivals.value += 1
    }
  }

  function fail(batch: Upload[], error: unknown): void {
    if (error instanceof DOMException && error.name === 'AbortError') {
      // Only one of them was stopped.
      batch.forEach((upload) => (upload.state = 'waiting'))
      return
    }
    const problem = asProblem(error)
    if (problem.status === 401 || PASSING.includes(problem.status)) {
      batch.forEach((upload) => (upload.state = 'waiting'))
      wait(problem)
      return
    }
    const state = problem.status < 500 ? 'refused' : 'failed'
    batch.forEach((upload) => Object.assign(upload, { state, detail: problem.message, code: problem.code }))
  }

  function wait(problem: ApiProblem): void {
    hindrance.value = problem
    clearTimeout(timer)
    if (problem.status !== 401) {
      timer = setTimeout(goOn, TRY_AGAIN_AFTER)
    }
  }

  function goOn(): void {
    clearTimeout(timer)
    hindrance.value = null
    pump()
  }

  function retry(again: readonly Upload[]): void {
    again.filter(isUntaken).forEach((upload) => {
      if (tooLarge(upload.file) === null) {
        Object.assign(upload, { state: 'waiting', sent: 0, detail: null, code: null })
      }
    })
    goOn()
  }

  function cancel(stopped: readonly Upload[]): void {
    const controllers = new Set(stopped.map((upload) => running.get(upload)))
    stopped.filter(isMoving).forEach((upload) => (upload.state = 'cancelled'))
    controllers.forEach((controller) => controller?.abort())
  }

  /** Takes away what has come to an end. */
  function clear(): void {
    uploads.value = uploads.value.filter(isMoving)
  }

  useEventListener(window, 'beforeunload', (event) => {
    if (isBusy.value) {
      event.preventDefault()
    }
  })

  return { uploads, hindrance, arrivals, isBusy, add, goOn, retry, cancel, clear }
})
