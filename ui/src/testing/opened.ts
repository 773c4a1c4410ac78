/** The whole UI at an address, with a router and stores of its own. */
import userEvent, { type UserEvent } from '@testing-library/user-event'
import { render } from '@testing-library/vue'
import { createPinia, setActivePinia } from 'pinia'
import { createMemoryHistory, type Router } from 'vue-router'

import App from '@/App.vue'
import { createPages } from '@/router'

export async function opened(path: string): Promise<{ router: Router; user: UserEvent }> {
  const pinia = createPinia()
  setActivePinia(pinia)
  const router = createPages(createMemoryHistory())
  await router.push(path)
  render(App, { global: { plugins: [pinia, router] } })
  return { router, user: userEvent.setup() }
}
