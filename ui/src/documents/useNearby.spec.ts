import { expect, test } from 'vitest'
import { effectScope, nextTick, ref } from 'vue'

import { useNearby } from './useNearby'

const many = Array.from({ length: 1_000 }, (_, index) => index)

function near(looked = ref(-1), items = many) {
  const scope = effectScope()
  const nearby = scope.run(() =>
    useNearby(
      () => items,
      () => looked.value,
    ),
  )!
  const told = () => [
    nearby.before.value,
    nearby.shown.value.at(0),
    nearby.shown.value.at(-1),
    nearby.after.value,
  ]
  return { ...nearby, told }
}

test('a short list is there whole', () => {
  expect(near(ref(-1), many.slice(0, 300)).told()).toEqual([0, 0, 299, 0])
})

test('of a long one there is what is around the place that is looked at', async () => {
  const looked = ref(500)
  const { told } = near(looked)
  expect(told()).toEqual([350, 350, 649, 350])

  looked.value = 400
  await nextTick()
  expect(told()).toEqual([350, 350, 649, 350])
  looked.value = 10
  await nextTick()

  expect(told()).toEqual([0, 0, 299, 700])
})

test('it grows on request, in both directions', () => {
  const { told, showBefore, showAfter } = near(ref(500))

  showBefore()
  showAfter()

  expect(told()).toEqual([50, 50, 949, 50])
})
