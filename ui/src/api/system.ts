/** How the parts are, and which they are. */
import { answered, http } from './http'
import { problemOf, unreachable } from './problems'
import type { Health, System } from './types'

/** A little more than the API gives its own parts. */
const HEALTH_WITHIN = 2_600

export function getSystem(): Promise<System> {
  return answered(http.GET('/api/system'))
}

/** How the parts are; an API that takes longer than it may is as good as away. */
export async function getHealth(): Promise<Health> {
  const asked = http.GET('/api/health', { signal: AbortSignal.timeout(HEALTH_WITHIN) })
  const { data, error, response } = await asked.catch((failure: unknown) => {
    throw isAbsence(failure) ? unreachable() : failure
  })
  const health = data ?? error
  if (isHealth(health)) {
    return health
  }
  throw problemOf(response, health)
}

function isAbsence(failure: unknown): boolean {
  return failure instanceof TypeError || (failure instanceof DOMException && failure.name === 'TimeoutError')
}

/** A proxy in front of an API that is away answers something else. */
function isHealth(body: unknown): body is Health {
  return typeof body === 'object' && body !== null && 'checks' in body
}
