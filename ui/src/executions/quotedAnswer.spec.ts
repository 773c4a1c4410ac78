import { readFileSync } from 'node:fs'

import { expect, test } from 'vitest'

import { NO_MODEL, withoutNote } from './quotedAnswer'

test('the note is worded as the service words it', () => {
  const source = readFileSync('../mcp_service/generators/extractive.py', 'utf8')
  const [, said = ''] = /NO_MODEL = \(([\s\S]*?)\n\)/.exec(source) ?? []

  expect([...said.matchAll(/"([^"]*)"/g)].map(([, part]) => part).join('')).toBe(NO_MODEL)
})

test('only an answer that ends with the note is cut', () => {
  expect(withoutNote(`“Blood absorbs light.” [1]\n\n${NO_MODEL}`)).toEqual({
    text: '“Blood absorbs light.” [1]',
    isNoted: true,
  })
  expect(withoutNote(`${NO_MODEL}\n\nMore.`)).toEqual({ text: `${NO_MODEL}\n\nMore.`, isNoted: false })
})
