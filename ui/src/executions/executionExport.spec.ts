import { expect, test } from 'vitest'

import { completed, delta, execution, failed, FIRST, log, settings, source, started } from '@/testing/made'

import { asJson, asMarkdown, type Exported } from './executionExport'
import { applied, emptyView } from './executionView'

function exported(...said: Parameters<typeof log>[1][]): Exported {
  const view = log(FIRST, ...said).reduce(applied, emptyView(FIRST))
  return { execution: execution(), settings: settings(), view }
}

test('Markdown holds the question, the answer and the sources', () => {
  const { name, text } = asMarkdown(
    exported(started(), completed('Light [1].', source(1, 'Blood\nabsorbs light.'))),
  )

  expect(name).toBe(`execution-${FIRST}.md`)
  expect(text).toContain('# What is fNIRS?\n')
  expect(text).toContain('- Agent: Research assistant')
  expect(text).toContain('\nLight [1].\n')
  expect(text).toContain('**[1] document-1.md**\n\n> Blood\n> absorbs light.')
})

test('Markdown of a failed one says why, and keeps what had been written', () => {
  const { text } = asMarkdown(exported(started(), delta(0, 'Li'), failed('MCP is away.', 'Li')))

  expect(text).toContain('**Failed:** MCP is away. (`mcp_unreachable`)\n\nLi\n')
})

test('a question of many lines stays one heading', () => {
  const asked = exported(started(), completed('Light.'))
  const { text } = asMarkdown({
    ...asked,
    execution: execution({ input_data: { query: 'Why?\n## Not this' } }),
  })

  expect(text).toContain('# Why? ## Not this\n')
})

test('JSON holds the execution, its settings and its whole log', () => {
  const whole = exported(started(), delta(0, 'Light.'), completed('Light.'))

  const { name, text } = asJson(whole)

  expect(name).toBe(`execution-${FIRST}.json`)
  expect(JSON.parse(text)).toEqual({
    execution: whole.execution,
    settings: whole.settings,
    events: [...whole.view.events],
  })
})
