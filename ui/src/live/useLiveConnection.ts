/** Keeps the page's stream open while somebody is inside. */
import { onScopeDispose, watch, type Ref } from 'vue'

import { useExecutionChangesStore } from './executionChangesStore'

export function useLiveConnection(isInside: Readonly<Ref<boolean>>): void {
  const changes = useExecutionChangesStore()

  watch(
    isInside,
    (inside) => {
      if (inside) {
        changes.open()
      } else {
        changes.close()
      }
    },
    { immediate: true },
  )
  onScopeDispose(changes.close)
}
