/** What went wrong, in the server's words. */
import type { FieldError, Problem } from './types'

export class ApiProblem extends Error {
  readonly status: number
  readonly code: string
  readonly errors: FieldError[]

  constructor(problem: Pick<Problem, 'detail' | 'status' | 'code'> & { errors?: FieldError[] | null }) {
    super(problem.detail)
    this.name = 'ApiProblem'
    this.status = problem.status
    this.code = problem.code
    this.errors = problem.errors ?? []
  }
}

function isProblem(body: unknown): body is Problem {
  return typeof body === 'object' && body !== null && 'detail' in body && 'code' in body
}

/** The problem a response tells of; a proxy in between may answer something that is none. */
export function problemOf(response: Response, body: unknown): ApiProblem {
  if (isProblem(body)) {
    return new ApiProblem({ ...body, status: response.status })
  }
  const detail = `The API answered ${response.status} ${response.statusText}`.trim() + '.'
  return new ApiProblem({ detail, status: response.status, code: 'unexpected_answer' })
}

/** Whether the same request may succeed later: one that was wrong itself stays wrong. */
export function isPassing({ status }: Pick<ApiProblem, 'status'>): boolean {
  return status === 0 || status === 408 || status === 429 || status >= 500
}

export function unreachable(): ApiProblem {
  return new ApiProblem({ detail: 'Can’t reach Dynavera. Reconnecting…', status: 0, code: 'unreachable' })
}

/** Narrows what was thrown; what is not a problem of the API is a bug and goes on. */
export function asProblem(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) {
    return error
  }
  throw error
}
