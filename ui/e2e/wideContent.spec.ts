import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'

import { violations } from './accessibility'
import { layoutFaults } from './layoutFaults'
import { pictured } from './pictures'
import type { Product } from './product'
import { endAll, modelled, type Endings } from './stage'

/** The last is a window of 1440 × 900 at 200 % zoom. */
const SIZES = [
  { width: 320, height: 640 },
  { width: 390, height: 844 },
  { width: 768, height: 1024 },
  { width: 1440, height: 900 },
  { width: 720, height: 450 },
]
const WORD = 'Elektroenzephalographie'.repeat(6)
const ADDRESS = `https://example.org/${'a/very/long/path/'.repeat(8)}?query=${'a'.repeat(60)}`
const CODE = `def concentration(optical_density, extinction, distance, pathlength_factor, wavelengths=(760, 850)): ${'x'.repeat(120)}`
const CELLS = Array.from({ length: 9 }, (_, column) => `Column number ${column} of a wide table`)
const FORMULA = Array.from({ length: 14 }, (_, n) => `\\frac{\\varepsilon_{${n}}^{HbO}}{d_{${n}}}`).join(
  ' + ',
)
const WIDE = [
  `# A heading with ${WORD}`,
  `The law [1] names ${WORD}, \`${'inline_code_'.repeat(12)}\` and ${ADDRESS} as sources.`,
  `\`\`\`python\n${CODE}\n\`\`\``,
  `| ${CELLS.join(' | ')} |\n|${'---|'.repeat(CELLS.length)}\n| ${CELLS.map(() => `${WORD} 1`).join(' | ')} |`,
  `$$${FORMULA}$$`,
  `Within a line \\(${FORMULA}\\) it goes on.`,
  `![A picture of ${WORD}](https://evil.example/${'picture'.repeat(20)}.png)`,
  `1. An item\n   - with \`${'x'.repeat(150)}\`\n\n     \`\`\`json\n     {"a": "${'b'.repeat(150)}"}\n     \`\`\``,
  `> A quotation of ${WORD} [2].`,
  'عربي: قياس طيف الأشعة تحت الحمراء القريبة [1].',
].join('\n\n')

/** Each page, and the words that tell that it is there. */
const WAITED_FOR: Record<string, string> = {
  agent: 'A quotation',
  execution: 'A quotation',
  compare: 'A quotation',
  askBoth: 'Ask two agents',
  executions: 'Newest first',
  agents: 'Research assistant',
  knowledge: 'Add documents',
  document: 'passages',
  system: 'Your sessions',
}

let product: Product
let page: Page
let complaints: string[]
const endings: Endings = []
const addresses: Record<string, string> = {}

beforeAll(async () => {
  const stage = await modelled(endings)
  ;({ product, page, complaints } = stage)
  stage.model.words = WIDE
  await page.goto(await product.loginLink())
  await page.getByRole('link', { name: 'Research assistant' }).first().waitFor()
  const agent = await post<{ id: string }>('/api/agents', {
    name: `Agent ${WORD}`,
    description: `Answers about ${WORD} and ${ADDRESS}`,
    max_tokens: 4_000,
  })
  const [one, other] = [await executed(agent.id), await executed(agent.id)]
  const { items } = await get<{ items: { id: string }[] }>('/api/documents?limit=1')
  Object.assign(addresses, {
    agent: `/agents/${agent.id}?execution=${one}`,
    execution: `/executions/${one}`,
    compare: `/executions/compare?a=${one}&b=${other}`,
    askBoth: '/executions/compare',
    executions: '/executions',
    agents: '/',
    knowledge: '/knowledge',
    document: `/knowledge/${items[0]?.id ?? ''}`,
    system: '/system',
  })
})

afterAll(() => endAll(endings))

async function post<Answer>(path: string, data: object): Promise<Answer> {
  return (await (await page.request.post(product.address + path, { data })).json()) as Answer
}

async function get<Answer>(path: string): Promise<Answer> {
  return (await (await page.request.get(product.address + path)).json()) as Answer
}

async function executed(agentId: string): Promise<string> {
  const input_data = { query: `What is ${WORD}? See ${ADDRESS}`, [WORD]: ADDRESS }
  const { id } = await post<{ id: string }>(`/api/agents/${agentId}/executions`, { input_data })
  await vi.waitFor(
    async () => {
      expect((await get<{ status: string }>(`/api/executions/${id}`)).status).toBe('completed')
    },
    { timeout: 60_000 },
  )
  return id
}

test.each(Object.keys(WAITED_FOR))('nothing overflows or overlaps on the page: %s', async (name) => {
  await page.goto(product.address + (addresses[name] ?? ''))
  const faults: string[] = []
  for (const size of SIZES) {
    await page.setViewportSize(size)
    await page.waitForLoadState('networkidle')
    await page
      .getByText(WAITED_FOR[name] ?? '')
      .first()
      .waitFor()
    faults.push(...(await layoutFaults(page)).map((fault) => `${size.width} × ${size.height}: ${fault}`))
  }

  if (['compare', 'askBoth'].includes(name)) {
    faults.push(...(await violations(page)))
  }
  expect(faults).toEqual([])
  await pictured(page, `wide-${name}`)
})

test('the console has no errors', () => {
  expect(complaints).toEqual([])
})
