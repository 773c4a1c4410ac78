import { describe, expect, test } from 'vitest'

import type { ExecutionEvent, Preview } from '@/api/types'
import { completed, delta, FIRST, log, message, preview, progress, started } from '@/testing/made'

import { applied, emptyView, previewed, type ExecutionView } from './executionView'
import { written } from './preview'

type Heard = ReturnType<typeof started> | Preview

/** Folds what is heard, in this order; what it shows after each. */
function shown(...heard: Heard[]): string[] {
  const texts: string[] = []
  heard.reduce((view, one) => {
    const next = after(view, one)
    texts.push(written(next))
    return next
  }, begun())
  return texts
}

function begun(): ExecutionView {
  return after(emptyView(FIRST), started())
}

function after(view: ExecutionView, one: Heard): ExecutionView {
  return one.type === 'preview' ? previewed(view, one) : applied(view, next(view, one))
}

function next({ sequence }: ExecutionView, one: ReturnType<typeof started>): ExecutionEvent {
  return { ...log(FIRST, one)[0]!, sequence: sequence + 1 }
}

const failing = progress({
  stage: 'generating',
  message: 'Attempt 1 failed: away. Trying again in 1 s.',
  attempt: 1,
  error: 'Away.',
  retry_in_seconds: 1,
})

describe('previews', () => {
  test('are shown before the log has them, and once when it has', () => {
    const heard = [
      preview(0, 'Blood '),
      preview(6, 'absorbs '),
      delta(0, 'Blood absorbs '),
      preview(14, 'light.'),
    ]

    expect(shown(...heard)).toEqual(['Blood ', 'Blood absorbs ', 'Blood absorbs ', 'Blood absorbs light.'])
  })

  test('stay after the part of them that the log has', () => {
    expect(shown(preview(0, 'Blood absorbs light.'), delta(0, 'Blood '), delta(6, 'absorbs '))).toEqual(
      Array(3).fill('Blood absorbs light.'),
    )
  })

  test('that come late change nothing', () => {
    expect(shown(delta(0, 'Blood absorbs '), preview(6, 'absorbs '), preview(14, 'light.')).slice(1)).toEqual(
      ['Blood absorbs ', 'Blood absorbs light.'],
    )
  })

  test('count code points, as the log does', () => {
    const heard = [preview(0, '🩸🩸 '), preview(3, '𝔸b'), delta(0, '🩸'), delta(1, '🩸 𝔸'), preview(5, '🧠')]

    expect(shown(...heard)).toEqual(['🩸🩸 ', '🩸🩸 𝔸b', '🩸🩸 𝔸b', '🩸🩸 𝔸b', '🩸🩸 𝔸b🧠'])
  })

  test('from the middle of an answer wait until the log has come there', () => {
    const heard = [preview(6, 'absorbs '), preview(14, 'light.'), delta(0, 'Blood'), delta(5, ' ')]

    expect(shown(...heard)).toEqual(['', '', 'Blood', 'Blood absorbs light.'])
  })

  test('of which one is missing go on after the log has filled the gap', () => {
    const heard = [
      preview(0, 'a'),
      preview(2, 'c'),
      delta(0, 'ab'),
      preview(3, 'd'),
      delta(2, 'c'),
      preview(4, 'e'),
    ]

    expect(shown(...heard)).toEqual(['a', 'a', 'ab', 'ab', 'abcd', 'abcde'])
  })
})

describe('an attempt that starts over', () => {
  test('replaces previews that the log never had', () => {
    expect(shown(preview(0, 'Old words'), preview(0, 'New'), delta(0, 'New '))).toEqual([
      'Old words',
      'New',
      'New ',
    ])
  })

  test('is shown when the log has started over, never mixed with the earlier one', () => {
    const heard = [delta(0, 'Old one'), preview(0, 'New text'), preview(8, ' here'), delta(0, 'New')]

    expect(shown(...heard)).toEqual(['Old one', 'Old one', 'Old one', 'New text here'])
  })

  test('takes back what the earlier one said last', () => {
    expect(shown(delta(0, 'Old one'), preview(7, ' more'), delta(0, ''), delta(0, 'New one'))).toEqual([
      'Old one',
      'Old one more',
      '',
      'New one',
    ])
  })

  test('that failed is taken back to what the log has', () => {
    const heard = [delta(0, 'Blood '), preview(6, 'absorbs '), failing, preview(6, 'takes ')]

    expect(shown(...heard)).toEqual(['Blood ', 'Blood absorbs ', 'Blood ', 'Blood takes '])
  })

  test('differs from its previews: the log is right', () => {
    expect(shown(preview(0, 'Blud absorbs'), delta(0, 'Blood '), preview(6, 'x')).slice(1)).toEqual([
      'Blood ',
      'Blood x',
    ])
  })
})

test('the whole answer and the end leave no preview behind', () => {
  const heard = [preview(0, 'Blood absorbs'), message('Blood.'), preview(6, ' Late.'), completed('Blood.')]
  const texts = shown(...heard)

  expect([texts[1], texts[3]]).toEqual(['Blood.', 'Blood.'])
  const ended = after(begun(), completed('Blood.'))
  expect(previewed(ended, preview(6, ' Late.'))).toBe(ended)
})

test.each(Array.from({ length: 200 }, (_, seed) => seed))('no word is doubled or lost (order %i)', (seed) => {
  const random = mulberry(seed)
  const answer = Array.from({ length: 40 }, (_, index) => `${['🩸', 'é', 'w'][index % 3]}${index} `).join('')
  let view = begun()
  for (const one of interleaved(Array.from(answer), random)) {
    view = after(view, one)
    expect(answer.startsWith(written(view))).toBe(true)
    expect(written(view).length).toBeGreaterThanOrEqual(view.answer.length)
  }
  expect(written(view)).toBe(answer)
})

/** Previews that may be missing or late, and the log's deltas of the same answer. */
function* interleaved(points: string[], random: () => number): Generator<Heard> {
  let said = 0
  let logged = 0
  const late: Heard[] = []
  while (logged < points.length) {
    if (said < points.length && random() < 0.7) {
      const size = 1 + Math.floor(random() * 5)
      const piece = preview(said, points.slice(said, said + size).join(''))
      said += size
      if (random() < 0.8) yield piece
      else if (random() < 0.5) late.push(piece)
    } else {
      const until = Math.min(points.length, Math.max(logged + 1, said) - Math.floor(random() * 3))
      if (until > logged) yield delta(logged, points.slice(logged, until).join(''))
      logged = Math.max(logged, until)
      const piece = late.shift()
      if (piece !== undefined) yield piece
    }
  }
}

function mulberry(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
