/** An execution as a file to keep or to send: all of it as JSON, or to be read as Markdown. */
import type { AgentSettings, Execution } from '@/api/types'

import { duration, exactTime } from './times'
import { timeline } from './timeline'
import type { ExecutionView } from './executionView'

export interface Exported {
  execution: Execution
  settings: AgentSettings
  view: ExecutionView
}

export interface ExportedFile {
  name: string
  mediaType: string
  text: string
}

export function asJson({ execution, settings, view }: Exported): ExportedFile {
  const text = JSON.stringify({ execution, settings, events: [...view.events] }, null, 2)
  return { name: `execution-${execution.id}.json`, mediaType: 'application/json', text: `${text}\n` }
}

export function asMarkdown({ execution, settings, view }: Exported): ExportedFile {
  const parts = [
    `# ${oneLine(questionOf(execution))}`,
    facts({ execution, settings, view }),
    view.failure === null ? '' : `**Failed:** ${oneLine(view.failure.message)} (\`${view.failure.code}\`)`,
    view.answer,
    view.sources.length === 0 ? '' : '## Sources',
    ...view.sources.map(({ n, document, text }) => `**[${n}] ${oneLine(document)}**\n\n${quoted(text)}`),
  ]
  const text = parts.filter((part) => part !== '').join('\n\n')
  return { name: `execution-${execution.id}.md`, mediaType: 'text/markdown', text: `${text}\n` }
}

export function questionOf(execution: Pick<Execution, 'input_data'>): string {
  const { query } = execution.input_data
  return typeof query === 'string' ? query : ''
}

function facts({ execution, settings, view }: Exported): string {
  const { total } = timeline(view.events)
  const lines = [
    `Agent: ${oneLine(settings.name)}`,
    `Status: ${view.status}`,
    `Started: ${exactTime(execution.created_at)}`,
    total === null ? '' : `Took: ${duration(total)}`,
    view.output !== null && 'generator' in view.output ? `Generator: ${view.output.generator}` : '',
    `Execution: ${execution.id}`,
  ]
  return lines
    .filter((line) => line !== '')
    .map((line) => `- ${line}`)
    .join('\n')
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim()
}

function quoted(text: string): string {
  return text.replaceAll(/^/gm, '> ')
}

/** Hands the file to the browser's downloads. */
export function download({ name, mediaType, text }: ExportedFile): void {
  const address = URL.createObjectURL(new Blob([text], { type: `${mediaType};charset=utf-8` }))
  const link = document.createElement('a')
  link.href = address
  link.download = name
  link.click()
  URL.revokeObjectURL(address)
}
