/** A small OpenAI-compatible server whose pace a test sets, and which notices when its client leaves. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

const SENTENCE = 'Light 🩸 that comes back tells how much blood there is [1]. '

export class ModelServer {
  /** Between two tokens. */
  delayMilliseconds = 0
  /** How many sentences the next answers have. */
  sentences = 3
  /** What the next answers say instead of sentences. */
  words: string | null = null
  /** Requests whose client left before the end. */
  abandoned = 0

  private constructor(private readonly server: Server) {}

  static async start(): Promise<ModelServer> {
    const server = createServer((request, response) => void model.answer(request, response))
    const model = new ModelServer(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return model
  }

  get baseUrl(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/v1`
  }

  get text(): string {
    return this.words ?? SENTENCE.repeat(this.sentences).trim()
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections()
    this.server.close()
    await once(this.server, 'close')
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!request.url?.endsWith('/chat/completions')) {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ object: 'list', data: [{ id: 'test', object: 'model' }] }))
      return
    }
    response.on('close', () => (this.abandoned += response.writableFinished ? 0 : 1))
    request.resume()
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const token of this.text.match(/\S+\s*/gu) ?? []) {
      if (response.closed) {
        return
      }
      response.write(chunk([{ index: 0, delta: { content: token }, finish_reason: null }]))
      await new Promise((resolve) => setTimeout(resolve, this.delayMilliseconds))
    }
    response.write(chunk([{ index: 0, delta: {}, finish_reason: 'stop' }]))
    response.write(chunk([], { prompt_tokens: 20, completion_tokens: 30, total_tokens: 50 }))
    response.end('data: [DONE]\n\n')
  }
}

function chunk(choices: object[], usage?: object): string {
  const body = {
    id: 'c',
    object: 'chat.completion.chunk',
    created: 0,
    model: 'test',
    choices,
    usage: usage ?? null,
  }
  return `data: ${JSON.stringify(body)}\n\n`
}
