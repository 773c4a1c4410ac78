/** What a status is called. */
import type { ExecutionStatus } from '@/api/types'

export const STATUS_WORDS: Record<ExecutionStatus, string> = {
  queued: 'Queued',
  running: 'Running',
  completed: 'Completed',
  failed: 'Failed',
  stopped: 'Stopped',
}
