/** J and K go from row to row, X selects; the rows are list items, each with one link. */
import type { ShallowRef } from 'vue'

import { useShortcuts } from '@/shortcuts/useShortcuts'

export function useRowKeys(
  list: Readonly<ShallowRef<HTMLElement | null>>,
  toggle: (index: number) => void,
): void {
  const rows = () => [...(list.value?.children ?? [])]
  const current = () => rows().findIndex((row) => row.contains(document.activeElement))

  function move(by: number): void {
    const all = rows()
    const index = current()
    const next = index === -1 ? 0 : Math.min(all.length - 1, Math.max(0, index + by))
    const link = all[next]?.querySelector<HTMLElement>('.row-link')
    link?.focus()
    link?.scrollIntoView({ block: 'nearest' })
  }

  useShortcuts(
    {
      keys: 'j',
      does: 'Next row; Enter opens it',
      group: 'This page',
      run: () => {
        move(1)
      },
    },
    {
      keys: 'k',
      does: 'Previous row',
      group: 'This page',
      run: () => {
        move(-1)
      },
    },
    {
      keys: 'x',
      does: 'Select the row',
      group: 'This page',
      run: () => {
        const index = current()
        if (index !== -1) {
          toggle(index)
        }
      },
    },
  )
}
