/** Files on their way into the knowledge base, and what became of each. */
import type { Document, Ingestion, NamedFile } from '@/api/types'
import { sizeWords } from '@/layout/amounts'

import { MAX_FILE_BYTES } from './readableFiles'

export type UploadState =
  'waiting' | 'sending' | 'reading' | 'added' | 'unchanged' | 'refused' | 'failed' | 'cancelled'

export interface Upload extends NamedFile {
  readonly id: number
  readonly collection: string
  state: UploadState
  /** Bytes that have left. */
  sent: number
  document: Document | null
  /** Why it is not there, or how it was there already. */
  detail: string | null
  code: string | null
}

const FILES_AT_ONCE = 20
const BYTES_AT_ONCE = 4 * 1024 * 1024

const MOVING: readonly UploadState[] = ['waiting', 'sending', 'reading']
const UNTAKEN: readonly UploadState[] = ['refused', 'failed', 'cancelled']

/** Whether something still happens to it. */
export function isMoving({ state }: Upload): boolean {
  return MOVING.includes(state)
}

/** Whether it can be tried again. */
export function isUntaken({ state }: Upload): boolean {
  return UNTAKEN.includes(state)
}

/** The next files to be sent together: of one collection, with a name each of its own. */
export function nextBatch(uploads: readonly Upload[]): Upload[] {
  const batch: Upload[] = []
  const names = new Set<string>()
  let bytes = 0
  for (const upload of uploads) {
    if (upload.state !== 'waiting' || (batch[0] ?? upload).collection !== upload.collection) {
      continue
    }
    bytes += upload.file.size
    if (
      names.has(upload.name) ||
      batch.length === FILES_AT_ONCE ||
      (batch.length > 0 && bytes > BYTES_AT_ONCE)
    ) {
      break
    }
    names.add(upload.name)
    batch.push(upload)
  }
  return batch
}

/** How much of each file of a batch has left, when so many bytes of all have. */
export function progress(batch: readonly Upload[], bytes: number): void {
  let left = bytes
  for (const upload of batch) {
    upload.sent = Math.max(0, Math.min(upload.file.size, left))
    left -= upload.file.size
  }
  if (left >= 0) {
    batch.forEach((upload) => (upload.state = 'reading'))
  }
}

/** Puts down what the API says of a batch; items and refusals come in the order of the files. */
export function settle(batch: readonly Upload[], { items, refused, unchanged }: Ingestion): void {
  const taken = [...items]
  const untaken = [...refused]
  for (const upload of batch) {
    const refusal = untaken[0]
    const document = taken[0]
    if (refusal !== undefined && (document === undefined || sentAs(upload.name).startsWith(refusal.name))) {
      untaken.shift()
      Object.assign(upload, { state: 'refused', detail: refusal.detail, code: refusal.code })
    } else if (document !== undefined) {
      taken.shift()
      takeIn(upload, document, unchanged.includes(document.id))
    }
  }
}

function takeIn(upload: Upload, document: Document, wasThere: boolean): void {
  const isCalledOtherwise = document.name !== sentAs(upload.name)
  const detail = isCalledOtherwise ? `Unchanged: same content as “${document.name}”` : null
  Object.assign(upload, {
    state: wasThere ? 'unchanged' : 'added',
    sent: upload.file.size,
    document,
    detail: wasThere ? detail : null,
  })
}

/** What would only be refused after the way there. */
export function tooLarge(file: File): string | null {
  return file.size > MAX_FILE_BYTES
    ? `Larger than ${sizeWords(MAX_FILE_BYTES)}. Split it into smaller files.`
    : null
}

/** What browsers make of a name in a form. */
function sentAs(name: string): string {
  return name.replaceAll('\n', '%0A').replaceAll('\r', '%0D').replaceAll('"', '%22')
}
