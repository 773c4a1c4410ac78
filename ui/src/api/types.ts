/** The names that the rest of the UI uses for what the API declares. */
import type { components, operations } from './schema'

type Schemas = components['schemas']

export type Agent = Schemas['Agent']
export type AgentSettings = Schemas['AgentSettings']
export type AgentCreate = Schemas['AgentCreate']
export type AgentPatch = Schemas['AgentPatch']
export type Execution = Schemas['Execution']
export type Feedback = Schemas['Feedback']
export type ExecutionCounts = Schemas['ExecutionCounts']
export type ExecutionStatus = Execution['status']
export type ExecutionQuery = Omit<
  NonNullable<operations['list_executions']['parameters']['query']>,
  'cursor' | 'limit'
>
export type Stage = NonNullable<Execution['stage']>
export type InputData = Execution['input_data']
/** What can be asked: an input with a question in it. */
export type StartInput = Schemas['ExecutionStart']['input_data']
export type CompletedOutput = Schemas['CompletedOutput']
export type PartialOutput = Schemas['PartialOutput']
export type OutputData = CompletedOutput | PartialOutput
export type Source = Schemas['Source']
export type PinnedSource = Schemas['PinnedSource']
export type Document = Schemas['Document']
export type DocumentText = Schemas['DocumentText']
export type Passage = Schemas['Passage']
export type CollectionSummary = Schemas['CollectionSummary']
export type Ingestion = Schemas['Ingestion']
export type FoundPassage = Schemas['FoundPassage']
export type SearchRequest = Schemas['Search']
export type StopReceipt = Schemas['StopReceipt']
export type ExecutionEvent = Schemas['EventPage']['items'][number]
export type AgentEvent = Extract<ExecutionEvent, { type: 'agent_event' }>
export type EventPage = Schemas['EventPage']
export type Health = Schemas['Health']
export type FieldError = Schemas['FieldError']
export type Problem = Schemas['Problem']
export type User = Schemas['User']
export type ApiKey = Schemas['ApiKey']
export type Session = Schemas['Session']
export type NewApiKey = Schemas['NewApiKey']
export type System = Schemas['System']
export type Check = Schemas['Check']

export interface Page<Item> {
  items: Item[]
  next_cursor: string | null
}

/** Which documents are asked for. */
export interface DocumentFilters {
  /** Empty: all collections. */
  readonly collection: string
  /** What the name holds; empty: anything. */
  readonly q: string
}

/** A file on its way. */
export interface NamedFile {
  /** The document's name: the file's, or its path below the folder it came with. */
  readonly name: string
  readonly file: File
}

/** What the model says, as it says it, before it is in the log; may be missing or late. */
export interface Preview {
  type: 'preview'
  execution_id: string
  agent_id: string
  /** In Unicode code points, as a delta's. */
  offset: number
  text: string
}

/** What the WebSocket says besides events; OpenAPI does not describe sockets. */
export interface Connection {
  type: 'connection'
  agent_id: string
  message: string
}

export interface Accepted {
  type: 'accepted'
  action: string
  request_id: string | null
  execution_id: string
}

export interface SocketError {
  type: 'error'
  message: string
  code: string
  action?: string
  request_id?: string
}

export type ServerMessage = Connection | Accepted | SocketError | Preview | ExecutionEvent

export type ClientAction =
  | { action: 'start_agent'; input_data: StartInput; idempotency_key: string; request_id: string }
  | { action: 'stop_agent'; execution_id: string; request_id: string }
  | { action: 'subscribe'; execution_id: string; after: number; request_id: string }

const LIVE: readonly ExecutionStatus[] = ['queued', 'running']

/** Whether something can still happen in an execution. */
export function isLive(status: ExecutionStatus): boolean {
  return LIVE.includes(status)
}

/** Whether nothing follows an event. */
export function isTerminal({ type }: ExecutionEvent): boolean {
  return type === 'execution_completed' || type === 'execution_error' || type === 'execution_stopped'
}
