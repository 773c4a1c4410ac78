import { render, screen } from '@testing-library/vue'
import userEvent from '@testing-library/user-event'
import { beforeEach, expect, test } from 'vitest'
import { defineComponent, h } from 'vue'

import IconTip from './IconTip.vue'

const Page = defineComponent(() => () => [
  h('button', { class: 'icon-button', 'aria-label': 'Close' }),
  h('button', 'Save'),
  h(IconTip),
])
const tip = () => screen.queryByText('Close')

beforeEach(() => {
  render(Page)
})

test('an icon says its name while the pointer is on it', async () => {
  const user = userEvent.setup()

  await user.hover(screen.getByRole('button', { name: 'Close' }))
  expect(tip()).toBeVisible()

  await user.hover(screen.getByRole('button', { name: 'Save' }))
  expect(tip()).toBeNull()
})

test('an icon says its name while it has the focus of the keyboard', async () => {
  const user = userEvent.setup()

  await user.tab()
  expect(tip()).toBeVisible()

  await user.keyboard('{Escape}')
  expect(tip()).toBeNull()
})
