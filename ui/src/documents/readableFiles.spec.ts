import { readFileSync } from 'node:fs'

import { expect, test } from 'vitest'

import { droppedFiles, ENDINGS, MAX_FILE_BYTES, pickedFiles } from './readableFiles'

function file(name: string, path = ''): File {
  return Object.defineProperty(new File(['x'], name), 'webkitRelativePath', { value: path })
}

/** A folder as a browser tells of it: a part of its entries at a time, and none at the end. */
function folder(name: string, ...entries: object[]): object {
  const createReader = () => {
    const parts = [entries.slice(0, 1), entries.slice(1), []]
    return {
      readEntries: (told: (part: object[]) => void) => {
        told(parts.shift() ?? [])
      },
    }
  }
  return { name, isDirectory: true, createReader }
}

function entry(name: string): object {
  return {
    name,
    isDirectory: false,
    file: (told: (found: File) => void) => {
      told(file(name))
    },
  }
}

function gone(name: string): object {
  return {
    name,
    isDirectory: false,
    file: (_told: unknown, failed: () => void) => {
      failed()
    },
  }
}

async function dropped(...entries: object[]): Promise<[string[], number]> {
  const items = entries.map((one) => ({ kind: 'file', webkitGetAsEntry: () => one }))
  const { files, leftOut } = await droppedFiles({ items } as unknown as DataTransfer)
  return [files.map(({ name }) => name), leftOut]
}

test('the kinds and the size that are read are those of the service', () => {
  const source = readFileSync('../dynavera/contracts/media_types.py', 'utf8')

  expect([...source.matchAll(/^ {4}"(\.\w+)":/gm)].map(([, ending]) => ending)).toEqual(ENDINGS)
  expect(source).toContain('MAX_FILE_BYTES = 10 * 1024 * 1024')
  expect(MAX_FILE_BYTES).toBe(10 * 1024 * 1024)
})

test('a file of a folder is named by its path below it', async () => {
  const papers = folder('papers', entry('a.md'), folder('old', entry('b.PDF'), entry('c.txt')))

  expect(await dropped(papers)).toEqual([['a.md', 'old/b.PDF', 'old/c.txt'], 0])
})

test('of several folders each keeps its name', async () => {
  expect(await dropped(folder('one', entry('a.md')), folder('two', entry('a.md')), entry('a.md'))).toEqual([
    ['one/a.md', 'two/a.md', 'a.md'],
    0,
  ])
})

test('a file from another program, which is in no file system, is taken', async () => {
  const item = { kind: 'file', webkitGetAsEntry: () => null, getAsFile: () => file('mail.txt') }
  const text = { kind: 'string', webkitGetAsEntry: () => null, getAsFile: () => null }

  const { files, leftOut } = await droppedFiles({ items: [item, text] } as unknown as DataTransfer)

  expect(files.map(({ name }) => name)).toEqual(['mail.txt'])
  expect(leftOut).toBe(0)
})

test('what is hidden, of another kind or gone again is left out and counted', async () => {
  const mixed = folder(
    'mixed',
    entry('.DS_Store'),
    folder('.git', entry('x.md')),
    entry('pic.png'),
    gone('a.md'),
  )

  expect(await dropped(mixed)).toEqual([[], 4])
})

test('a file that is chosen itself is sent whatever it is', async () => {
  expect(await dropped(entry('pic.png'))).toEqual([['pic.png'], 0])
})

test('picked files and folders are named in the same way', () => {
  const list = [file('a.md'), file('b.md', 'papers/old/b.md'), file('c.png', 'papers/c.png')]

  const { files, leftOut } = pickedFiles(list as unknown as FileList)

  expect(files.map(({ name }) => name)).toEqual(['a.md', 'old/b.md'])
  expect(leftOut).toBe(1)
})
