/** Which page is at which address, and where an unknown browser goes. */
import { watch } from 'vue'
import { createRouter, createWebHistory, type Router, type RouterHistory } from 'vue-router'

import AgentDetailPage from '@/pages/AgentDetailPage.vue'
import AgentsPage from '@/pages/AgentsPage.vue'
import LoginPage from '@/pages/LoginPage.vue'
import NotFoundPage from '@/pages/NotFoundPage.vue'
import { useSessionStore } from '@/session/sessionStore'

export function createPages(history: RouterHistory = createWebHistory()): Router {
  const router = createRouter({
    history,
    routes: [
      { path: '/', name: 'agents', component: AgentsPage, meta: { title: 'Agents' } },
      {
        path: '/agents/:id',
        name: 'agent',
        component: AgentDetailPage,
        props: true,
        meta: { title: 'Agent' },
      },
      { path: '/login', name: 'login', component: LoginPage, meta: { title: 'Log in' } },
      { path: '/:rest(.*)*', name: 'missing', component: NotFoundPage, meta: { title: 'Not found' } },
    ],
    scrollBehavior: (_to, _from, saved) => saved ?? { top: 0 },
  })
  router.afterEach((to) => {
    document.title = `${String(to.meta.title)} · Dynavera`
  })
  leadToLogIn(router)
  return router
}

function leadToLogIn(router: Router): void {
  const session = useSessionStore()
  watch(
    () => session.expiries,
    () => {
      const { name, fullPath } = router.currentRoute.value
      if (name !== 'login') {
        void router.replace({ name: 'login', query: fullPath === '/' ? {} : { next: fullPath } })
      }
    },
  )
}
