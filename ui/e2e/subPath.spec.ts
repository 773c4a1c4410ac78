import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'

import { endAll, staged, type Endings } from './stage'

const PORT = 14_980
const ADDRESS = `http://127.0.0.1:${PORT}/rag`
const PROXY_STARTS_WITHIN = 30_000

const endings: Endings = []
let page: Page
let complaints: string[]

beforeAll(async () => {
  const stage = await staged(endings, { DYNAVERA_ROOT_PATH: '/rag' })
  ;({ page, complaints } = stage)
  await startProxy(stage.product.address)
  await page.goto(`${ADDRESS}/login${new URL(await stage.product.loginLink()).hash}`)
})

afterAll(() => endAll(endings))

/** nginx as in docs/operations.md, in front of `product`; it removes `/rag` from the paths. */
async function startProxy(product: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'dynavera-proxy-'))
  endings.push(() => rm(folder, { recursive: true, force: true }))
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  )
  await writeFile(
    join(folder, 'nginx.conf'),
    `daemon off; pid ${folder}/nginx.pid; error_log stderr warn;
    ${process.getuid?.() === 0 ? 'user root;' : ''}
    events {}
    http {
      access_log off;
      ${temporary.join(' ')}
      map $http_upgrade $connection_upgrade { default upgrade; '' close; }
      server {
        listen 127.0.0.1:${PORT};
        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
        location /rag/ { proxy_pass ${product}/; }
      }
    }`,
  )
  const path = `${process.env.PATH ?? ''}:/usr/sbin`
  const program = execFileSync('sh', ['-c', 'command -v nginx'], { env: { PATH: path }, encoding: 'utf8' })
  const nginx = spawn(program.trim(), ['-c', join(folder, 'nginx.conf'), '-p', folder], { stdio: 'inherit' })
  endings.push(async () => {
    nginx.kill()
    await once(nginx, 'exit')
  })
  await vi.waitUntil(isListening, { timeout: PROXY_STARTS_WITHIN })
}

function isListening(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(PORT, '127.0.0.1')
    socket.once('connect', () => {
      socket.end()
      resolve(true)
    })
    socket.once('error', () => {
      resolve(false)
    })
  })
}

test('a log-in link leads to the page under the path', async () => {
  await page.getByRole('heading', { name: 'Agents', level: 1 }).waitFor()

  expect(page.url()).toBe(`${ADDRESS}/`)
})

test('a question is asked and answered live under the path', async () => {
  await page.getByRole('link', { name: 'Research assistant' }).first().click()
  await page.getByRole('textbox', { name: /question/i }).fill('What does fNIRS measure?')
  await page.keyboard.press('Enter')

  await page.getByText('Completed').first().waitFor()
  expect(page.url()).toMatch(/\/rag\/agents\/[\da-f-]{36}\?execution=/)
})

test('a page deep under the path is loaded by its address', async () => {
  await page.goto(`${ADDRESS}/executions`)
  await page.getByRole('heading', { name: 'Executions', level: 1 }).waitFor()
  await page.goto(`${ADDRESS}/knowledge`)
  await page.getByRole('heading', { name: 'Knowledge', level: 1 }).waitFor()

  expect(complaints).toEqual([])
})
