/** Files on their way to the API; how far they are is told, which `fetch` cannot. */
import { answered } from './http'
import { apiUrl } from './rootPath'
import type { Ingestion, NamedFile } from './types'

export interface Sending {
  /** How many bytes of the files have left. */
  progressed: (bytes: number) => void
  signal: AbortSignal
}

/** Sends files together; what was refused is told file by file, in their order. Rejects with an AbortError if stopped. */
export function sendFiles(
  files: readonly NamedFile[],
  collection: string,
  sending: Sending,
): Promise<Ingestion> {
  const form = new FormData()
  form.set('collection', collection)
  files.forEach(({ name, file }) => {
    form.append('file', file, name)
  })
  return answered(posted('/api/documents', form, sending))
}

interface Posted {
  data?: Ingestion
  error?: unknown
  response: Response
}

function posted(path: string, form: FormData, { progressed, signal }: Sending): Promise<Posted> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    const abort = () => {
      request.abort()
    }
    request.upload.addEventListener('progress', ({ loaded }) => {
      progressed(loaded)
    })
    request.addEventListener('load', () => {
      resolve(answerOf(request))
    })
    request.addEventListener('error', () => {
      reject(new TypeError('Can’t reach Dynavera.'))
    })
    request.addEventListener('abort', () => {
      reject(new DOMException('Stopped.', 'AbortError'))
    })
    request.addEventListener('loadend', () => {
      signal.removeEventListener('abort', abort)
    })
    signal.addEventListener('abort', abort)
    request.open('POST', apiUrl(path))
    request.send(form)
  })
}

function answerOf({ status, statusText, responseText }: XMLHttpRequest): Posted {
  const body = asJson(responseText)
  const refused = allRefused(body)
  if (status === 422 && refused !== null) {
    return { data: { items: [], refused, unchanged: [] }, response: new Response(null, { status: 200 }) }
  }
  const response = new Response(null, { status, statusText })
  return response.ok ? { data: body as Ingestion, response } : { error: body, response }
}

/** A proxy in between may answer something else. */
function asJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) {
      return null
    }
    throw error
  }
}

function allRefused(body: unknown): Ingestion['refused'] | null {
  const names = typeof body === 'object' && body !== null && 'refused' in body
  return names && Array.isArray(body.refused) ? (body.refused as Ingestion['refused']) : null
}
