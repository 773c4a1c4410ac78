import { render } from '@testing-library/vue'
import { expect, test } from 'vitest'

import ComparedAnswer from './ComparedAnswer.vue'
import { comparedAnswers } from './comparedAnswers'

function drawn(left: string, right: string): HTMLElement[] {
  const compared = comparedAnswers(left, right)
  return [compared?.left ?? [], compared?.right ?? []].map(
    (blocks) => render(ComparedAnswer, { props: { blocks } }).container as HTMLElement,
  )
}

const marks = (side: HTMLElement | undefined) =>
  Array.from(side?.querySelectorAll('mark') ?? [], ({ textContent }) => textContent)

test('the words that differ are marked within lists, tables and emphasis', () => {
  const [left, right] = drawn(
    '# Light\n\n- It is **absorbed** by blood\n\n| a | b |\n|---|---|\n| one | `two` |',
    '# Light\n\n- It is *scattered* by blood\n\n| a | b |\n|---|---|\n| one | `three` |',
  )

  expect(marks(left)).toEqual(['absorbed', 'two'])
  expect(marks(right)).toEqual(['scattered', 'three'])
  expect(left?.querySelector('li strong mark')).not.toBeNull()
  expect(left?.querySelector('td code mark')).not.toBeNull()
  expect(right?.querySelector('h3')).toHaveTextContent('Light')
})

test('nothing of an answer is lost, and code stays whole', () => {
  const text = 'First &amp; \\* 🩸 words\n\n```python\nprint(1)\n```\n\n> Quoted [1]\n\nThe end.'

  const [left, right] = drawn(text, text.replace('The end', 'An ending'))

  expect(left?.textContent).toContain('First & * 🩸 words')
  expect(left?.querySelector('pre')).toHaveTextContent('print(1)')
  expect(left?.querySelector('blockquote')).toHaveTextContent('Quoted [1]')
  expect(marks(left)).toEqual(['The', 'end'])
  expect(marks(right)).toEqual(['An', 'ending'])
})
