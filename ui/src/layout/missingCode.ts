/** A page whose code does not come: the server has a newer release by now, or does not answer. */
import { watch } from 'vue'
import type { Router } from 'vue-router'

import { useHealthStore } from '@/health/healthStore'
import { useToastStore } from '@/toasts/toastStore'

const LOADED_AGAIN = 'dynavera-loaded-again'

export function recoverMissingCode(router: Router): void {
  let missing: unknown = null

  window.addEventListener('vite:preloadError', (event) => {
    missing = event.payload
  })
  router.onError((error, to) => {
    if (error === missing) {
      void loadWhole(router.resolve(to.fullPath).href)
    }
  })
  router.afterEach(() => {
    sessionStorage.removeItem(LOADED_AGAIN)
  })
}

/** Loads the address as a whole, from the newer release; once, for what is missing there too stays missing. */
async function loadWhole(address: string): Promise<void> {
  const health = useHealthStore()
  await health.look()
  if (health.problem === null && sessionStorage.getItem(LOADED_AGAIN) !== address) {
    sessionStorage.setItem(LOADED_AGAIN, address)
    window.location.assign(address)
    return
  }
  useToastStore().say({
    title: 'Could not load this page',
    detail: health.problem?.message ?? 'The server is missing this page’s files.',
    code: health.problem?.code,
    tone: 'bad',
    ...(health.problem === null
      ? {}
      : {
          action: {
            label: 'Try again',
            run: () => {
              open(address)
            },
          },
        }),
  })
  if (health.problem !== null) {
    openWhenBack(address)
  }
}

function open(address: string): void {
  window.location.assign(address)
}

/** Goes where one wanted to as soon as the API answers, unless one has gone elsewhere since. */
function openWhenBack(address: string): void {
  const health = useHealthStore()
  const here = window.location.href
  const stop = watch(
    () => health.problem,
    (problem) => {
      if (problem === null) {
        stop()
        if (window.location.href === here) {
          open(address)
        }
      }
    },
  )
}
