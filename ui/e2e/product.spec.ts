import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, expect, test, vi } from 'vitest'

import { Product } from './product'
import { endAll, type Endings } from './stage'

const endings: Endings = []
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dynavera-folders-'))
  endings.push(() => rm(folder, { recursive: true }))
  vi.stubEnv('TMPDIR', folder)
})

afterAll(() => endAll(endings))

test('a product that cannot start reports the reason and leaves no process', async () => {
  const start = Product.start({ DYNAVERA_PORT: '15000', DYNAVERA_MCP_PORT: '15000' })

  await expect(start).rejects.toThrow('are both 15000')
  expect(await readdir(folder)).toEqual([])
})

test('a killed product leaves no process', async () => {
  const product = await Product.start()
  endings.push(() => product.stop())

  await product.kill('up')
  await endings.pop()?.()

  expect(await readdir(folder)).toEqual([])
})
