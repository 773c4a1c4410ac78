/** Which page is at which address; each is brought when it is first wanted. */
import { watch } from 'vue'
import { createRouter, createWebHistory, type Router, type RouterHistory } from 'vue-router'

import { ROOT_PATH } from '@/api/rootPath'
import { recoverMissingCode } from '@/layout/missingCode'
import type { Destination } from '@/layout/destinations'
import { onceReachable } from '@/layout/scrolling'
import NotFoundPage from '@/pages/NotFoundPage.vue'
import { useSessionStore } from '@/session/sessionStore'

declare module 'vue-router' {
  interface RouteMeta {
    title: string
    /** The part of the navigation that the page belongs to. */
    under?: Destination['name']
  }
}

export function createPages(history: RouterHistory = createWebHistory(ROOT_PATH)): Router {
  const router = createRouter({
    history,
    routes: [
      {
        path: '/',
        name: 'agents',
        component: () => import('@/pages/AgentsPage.vue'),
        meta: { title: 'Agents', under: 'agents' },
      },
      {
        path: '/agents/:id',
        name: 'agent',
        component: () => import('@/pages/AgentDetailPage.vue'),
        props: true,
        meta: { title: 'Agent', under: 'agents' },
      },
      {
        path: '/executions',
        name: 'executions',
        component: () => import('@/pages/ExecutionsPage.vue'),
        meta: { title: 'Executions', under: 'executions' },
      },
      {
        path: '/executions/compare',
        name: 'compare',
        component: () => import('@/pages/ComparePage.vue'),
        props: ({ query }) => ({ a: query.a, b: query.b }),
        meta: { title: 'Compare executions', under: 'executions' },
      },
      {
        path: '/executions/:id',
        name: 'execution',
        component: () => import('@/pages/ExecutionPage.vue'),
        props: true,
        meta: { title: 'Execution', under: 'executions' },
      },
      {
        path: '/knowledge',
        name: 'knowledge',
        component: () => import('@/pages/KnowledgePage.vue'),
        meta: { title: 'Knowledge', under: 'knowledge' },
      },
      {
        path: '/knowledge/:id',
        name: 'document',
        component: () => import('@/pages/DocumentPage.vue'),
        props: true,
        meta: { title: 'Document', under: 'knowledge' },
      },
      {
        path: '/system',
        name: 'system',
        component: () => import('@/pages/SystemPage.vue'),
        meta: { title: 'System', under: 'system' },
      },
      {
        path: '/login',
        name: 'login',
        component: () => import('@/pages/LoginPage.vue'),
        meta: { title: 'Log in' },
      },
      { path: '/:rest(.*)*', name: 'missing', component: NotFoundPage, meta: { title: 'Not found' } },
    ],
    // A change within a page is the page's own to scroll to.
    scrollBehavior: (to, from, saved) => {
      if (saved !== null) {
        return onceReachable(saved)
      }
      return to.path === from.path ? false : { top: 0 }
    },
  })
  router.afterEach((to, from) => {
    // Within a page the title names what the page has found.
    if (to.path !== from.path || from.matched.length === 0) {
      document.title = `${to.meta.title} · Dynavera`
    }
  })
  leadToLogIn(router)
  recoverMissingCode(router)
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
