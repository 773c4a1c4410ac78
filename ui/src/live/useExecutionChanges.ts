/** Reads the page's stream of changes as long as the component is there. */
import { onScopeDispose } from 'vue'

import { useExecutionChangesStore, type ChangeReader } from './executionChangesStore'

export function useExecutionChanges(reader: ChangeReader): void {
  onScopeDispose(useExecutionChangesStore().read(reader))
}
