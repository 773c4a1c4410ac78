/** Agents, executions and events for tests, with only what a test is about left to say. */
import type {
  Agent,
  AgentEvent,
  AgentSettings,
  Document,
  Execution,
  ExecutionEvent,
  Health,
  Passage,
  Preview,
  Problem,
  Session,
  Source,
  System,
} from '@/api/types'

export const AGENT = '01900000-0000-7000-8000-0000000000aa'
export const FIRST = '01900000-0000-7000-8000-000000000001'
export const SECOND = '01900000-0000-7000-8000-000000000002'

export function agent(fields: Partial<Agent> = {}): Agent {
  return {
    id: AGENT,
    name: 'Research assistant',
    description: '',
    instructions: '',
    generator: null,
    collection: 'default',
    top_k: 4,
    max_tokens: 1024,
    temperature: 0.2,
    status: 'idle',
    created_at: '2026-01-01T10:00:00Z',
    updated_at: '2026-01-01T10:00:00Z',
    ...fields,
  }
}

export function settings(fields: Partial<AgentSettings> = {}): AgentSettings {
  const { name, description, instructions, generator, collection, top_k, max_tokens, temperature } = agent()
  return { name, description, instructions, generator, collection, top_k, max_tokens, temperature, ...fields }
}

export function execution(fields: Partial<Execution> = {}): Execution {
  return {
    id: FIRST,
    agent_id: AGENT,
    status: 'completed',
    stage: null,
    input_data: { query: 'What is fNIRS?' },
    output_data: null,
    error_message: null,
    retry_of: null,
    created_at: '2026-01-01T10:00:00Z',
    started_at: '2026-01-01T10:00:00Z',
    completed_at: '2026-01-01T10:00:05Z',
    temporal_url: null,
    ...fields,
  }
}

export function knownDocument(fields: Partial<Document> = {}): Document {
  return {
    id: FIRST,
    name: 'notes.md',
    collection: 'default',
    media_type: 'text/markdown',
    bytes: 1_234,
    sha256: '0123456789abcdef'.repeat(4),
    passages: 2,
    created_at: '2026-01-01T10:00:00Z',
    title: null,
    date: null,
    tags: [],
    notice: null,
    outdated: false,
    ...fields,
  }
}

/** A piece of `text`. */
export function passage(text: string, start: number, end: number, fields: Partial<Passage> = {}): Passage {
  return {
    passage_id: `01900000-0000-7000-8000-00000000${String(start).padStart(4, '0')}`,
    document_id: FIRST,
    position: 0,
    heading: '',
    page: null,
    start,
    end,
    text: Array.from(text).slice(start, end).join(''),
    sha256: '',
    ...fields,
  }
}

export function source(n: number, text = `Passage ${n}.`): Source {
  return {
    n,
    document_id: FIRST,
    document: `document-${n}.md`,
    passage_id: SECOND,
    text,
    score: 0.5 / n,
    sha256: '',
    heading: '',
    also_in: [],
  }
}

type Said<Event> = Event extends ExecutionEvent
  ? Omit<Event, 'execution_id' | 'agent_id' | 'sequence' | 'timestamp'>
  : never

/** Numbers events and gives each its second. */
export function log(executionId: string, ...said: Said<ExecutionEvent>[]): ExecutionEvent[] {
  return said.map((one, index) => ({
    execution_id: executionId,
    agent_id: AGENT,
    sequence: index + 1,
    timestamp: new Date(Date.UTC(2026, 0, 1, 10, 0, index)).toISOString(),
    ...one,
  }))
}

export const preview = (offset: number, text: string): Preview => ({
  type: 'preview',
  execution_id: FIRST,
  agent_id: AGENT,
  offset,
  text,
})

export const started = (query = 'What is fNIRS?'): Said<ExecutionEvent> => ({
  type: 'execution_started',
  input_data: { query },
})

export const progress = (
  content: Extract<AgentEvent, { event_type: 'progress' }>['content'],
): Said<ExecutionEvent> => ({ type: 'agent_event', event_type: 'progress', content })

export const found = (...passages: Source[]): Said<ExecutionEvent> => ({
  type: 'agent_event',
  event_type: 'step',
  content: { step: 'retrieve', message: `Found ${passages.length} passages.`, passages },
})

export const delta = (offset: number, text: string): Said<ExecutionEvent> => ({
  type: 'agent_event',
  event_type: 'delta',
  content: { offset, text },
})

export const message = (text: string): Said<ExecutionEvent> => ({
  type: 'agent_event',
  event_type: 'message',
  content: { text },
})

export const completed = (answer: string, ...sources: Source[]): Said<ExecutionEvent> => ({
  type: 'execution_completed',
  output_data: {
    answer,
    sources,
    generator: 'extractive',
    usage: { prompt_tokens: 7, completion_tokens: 5 },
    finish_reason: 'stop',
  },
})

export const failed = (words: string, answer: string | null = null): Said<ExecutionEvent> => ({
  type: 'execution_error',
  message: words,
  code: 'mcp_unreachable',
  output_data: answer === null ? null : { answer, sources: [], partial: true },
})

export const stopped = (answer: string, acknowledgedAt: string | null): Said<ExecutionEvent> => ({
  type: 'execution_stopped',
  message: 'Stopped on request.',
  output_data: { answer, sources: [], partial: true },
  stop: { requested_at: '2026-01-01T10:00:03Z', acknowledged_at: acknowledgedAt, characters: answer.length },
})

/** All parts are there, but those that are `away`, with their words. */
export function health(away: Partial<Record<keyof Health['checks'], string>> = {}): Health {
  const check = (part: keyof Health['checks']) =>
    away[part] === undefined
      ? ({ status: 'ok', detail: 'It answers.' } as const)
      : ({ status: 'away', detail: away[part] } as const)
  return {
    status: Object.keys(away).length === 0 ? 'ok' : 'degraded',
    checks: {
      database: check('database'),
      temporal: check('temporal'),
      worker: check('worker'),
      mcp: check('mcp'),
    },
  }
}

export function problem(fields: Pick<Problem, 'status' | 'code' | 'detail'> & Partial<Problem>): Problem {
  return { type: 'about:blank', title: 'Problem', ...fields }
}

export function system(fields: Partial<System> = {}): System {
  return {
    versions: { dynavera: '0.1.0', python: '3.11.9', temporal: '1.32.0' },
    generator: 'extractive',
    generators: ['extractive'],
    unusable_models: [],
    embedder: 'wordllama',
    passages_to_embed: 0,
    temporal_ui: 'http://127.0.0.1:8233',
    mcp_url: 'http://127.0.0.1:8001',
    ...fields,
  }
}

/** A browser that is logged in elsewhere. */
export function session(fields: Partial<Session> = {}): Session {
  return {
    id: FIRST,
    current: false,
    user_agent: 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0',
    api_key_id: null,
    created_at: '2026-01-01T10:00:00Z',
    last_used_at: '2026-01-02T10:00:00Z',
    expires_at: '2026-01-31T10:00:00Z',
    ...fields,
  }
}
