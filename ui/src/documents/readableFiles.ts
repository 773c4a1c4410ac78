/** Files as people drop or pick them, alone and in folders, with the names that their documents get. */
import type { NamedFile } from '@/api/types'

/** As the service has them; a spec sees to it. */
export const ENDINGS = [
  '.md',
  '.markdown',
  '.txt',
  '.text',
  '.html',
  '.htm',
  '.xhtml',
  '.pdf',
  '.csv',
  '.tsv',
  '.json',
  '.jsonl',
  '.ndjson',
  '.docx',
  '.pptx',
  '.xlsx',
  '.xls',
]
export const MAX_FILE_BYTES = 10 * 1024 * 1024

export interface FoundFiles {
  files: NamedFile[]
  /** How many were passed over: of folders what is hidden or of a kind that is not read, and what is gone again. */
  leftOut: number
}

/** A document from a folder is named by its path below it, as `dynavera ingest` does. */
export function pickedFiles(list: FileList): FoundFiles {
  return found(Array.from(list, (file) => ({ file, path: file.webkitRelativePath.split('/').slice(1) })))
}

/** Has to be called while the drop is being handled: later nothing is in it any more. */
export async function droppedFiles({ items }: DataTransfer): Promise<FoundFiles> {
  const entries = Array.from(items, (item) => item.webkitGetAsEntry()).filter((entry) => entry !== null)
  // What comes from another program may be a file and in no file system.
  const loose = Array.from(items).filter((item) => item.kind === 'file' && item.webkitGetAsEntry() === null)
  const files = loose.map((item): PlacedFile => ({ file: item.getAsFile(), path: [] }))
  const folders = entries.filter(({ isDirectory }) => isDirectory).length
  const walked = await Promise.all(
    // Of several folders each keeps its name, so that none replaces what is in another.
    entries.map((entry) =>
      entry.isDirectory ? below(entry, folders > 1 ? [entry.name] : []) : alone(entry),
    ),
  )
  return found([...files, ...walked.flat()])
}

interface PlacedFile {
  /** Null for one that can no longer be read. */
  file: File | null
  /** Empty for a file that came by itself. */
  path: string[]
}

function found(placed: PlacedFile[]): FoundFiles {
  const files = placed.flatMap(({ file, path }) =>
    file !== null && (path.length === 0 || isReadable(path))
      ? [{ name: path.length === 0 ? file.name : path.join('/'), file }]
      : [],
  )
  return { files, leftOut: placed.length - files.length }
}

function isReadable(path: readonly string[]): boolean {
  const name = path.at(-1)?.toLowerCase() ?? ''
  return !path.some((part) => part.startsWith('.')) && ENDINGS.some((ending) => name.endsWith(ending))
}

async function alone(entry: FileSystemEntry): Promise<PlacedFile[]> {
  return [{ file: await fileOf(entry as FileSystemFileEntry), path: [] }]
}

async function below(folder: FileSystemEntry, path: string[]): Promise<PlacedFile[]> {
  const reader = (folder as FileSystemDirectoryEntry).createReader()
  const placed: PlacedFile[] = []
  // It gives a hundred at a time, and none at the end.
  for (let entries = await read(reader); entries.length > 0; entries = await read(reader)) {
    for (const entry of entries) {
      const place = [...path, entry.name]
      if (entry.isDirectory) {
        placed.push(...(await below(entry, place)))
      } else {
        placed.push({ file: await fileOf(entry as FileSystemFileEntry), path: place })
      }
    }
  }
  return placed
}

function read(reader: FileSystemDirectoryReader): Promise<FileSystemEntry[]> {
  return new Promise((resolve, reject) => {
    reader.readEntries(resolve, reject)
  })
}

function fileOf(entry: FileSystemFileEntry): Promise<File | null> {
  return new Promise((resolve) => {
    entry.file(resolve, () => {
      resolve(null)
    })
  })
}
