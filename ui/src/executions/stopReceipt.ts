/** What a stop did, in the words that the command line has too. */
import type { ExecutionEvent } from '@/api/types'

type Stopped = Extract<ExecutionEvent, { type: 'execution_stopped' }>

/** As `stopped in 0.3 s, 214 characters kept`: until the generator had let go, or, if it never said so, the end. */
export function stopReceipt({ stop, timestamp }: Pick<Stopped, 'stop' | 'timestamp'>): string {
  const end = stop.acknowledged_at ?? timestamp
  const took = waited(Date.parse(end) - Date.parse(stop.requested_at))
  // Before anything was written there may have been no generator that could have said it.
  const unsaid =
    stop.acknowledged_at === null && stop.characters > 0 ? ' (not confirmed by the generator)' : ''
  return `stopped in ${took}${unsaid}, ${kept(stop.characters)}`
}

function waited(milliseconds: number): string {
  const tenths = Math.round(milliseconds / 100)
  if (tenths < 1) {
    return 'less than 0.1 s'
  }
  if (tenths < 100) {
    return `${(tenths / 10).toFixed(1)} s`
  }
  const seconds = Math.round(milliseconds / 1000)
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}

function kept(characters: number): string {
  if (characters === 0) {
    return 'nothing had been written'
  }
  return `${characters.toLocaleString('en')} ${characters === 1 ? 'character' : 'characters'} kept`
}
