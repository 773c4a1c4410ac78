import { Bot } from '@lucide/vue'
import { expect, test } from 'vitest'

import { fitting, type Command } from './commands'

const command = (label: string, words?: string): Command => ({
  id: label,
  label,
  words,
  icon: Bot,
  run: () => undefined,
})
const ALL = [command('New agent', 'create'), command('Agents'), command('Café reader')]
const labels = (typed: string) => fitting(ALL, typed).map(({ label }) => label)

test.each([
  ['', ['New agent', 'Agents', 'Café reader']],
  ['agent', ['Agents', 'New agent']],
  ['AGENT new', ['New agent']],
  ['create', ['New agent']],
  ['cafe', ['Café reader']],
  ['nothing like it', []],
])('%j finds what holds each of its words, what begins with it first', (typed, found) => {
  expect(labels(typed)).toEqual(found)
})
