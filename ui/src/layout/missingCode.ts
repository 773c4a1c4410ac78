/** A page whose code does not come: the server has a newer release by now, or does not answer. */
import type { Router } from 'vue-router'

import { useHealthStore } from '@/health/healthStore'
import { useToastStore } from '@/toasts/toastStore'

const LOADED_ANEW = 'dynavera-loaded-anew'

export function recoverMissingCode(router: Router): void {
  let missing: unknown = null

  window.addEventListener('vite:preloadError', (event) => {
    missing = event.payload
  })
  router.onError((error, to) => {
    if (error === missing) {
      void loadAnew(to.fullPath)
    }
  })
  router.afterEach(() => {
    sessionStorage.removeItem(LOADED_ANEW)
  })
}

/** Loads the address as a whole, from the newer release; once, for what is missing there too stays missing. */
async function loadAnew(address: string): Promise<void> {
  const health = useHealthStore()
  await health.look()
  if (health.problem === null && sessionStorage.getItem(LOADED_ANEW) !== address) {
    sessionStorage.setItem(LOADED_ANEW, address)
    window.location.assign(address)
    return
  }
  useToastStore().say({
    title: 'The page did not come',
    detail: health.problem?.message ?? 'The server does not have its code.',
    code: health.problem?.code,
    tone: 'bad',
    action: {
      label: 'Try again',
      run: () => {
        window.location.assign(address)
      },
    },
  })
}
