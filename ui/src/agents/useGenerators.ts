/** The generators that agents may choose here, and the default. */
import { shallowRef, type ShallowRef } from 'vue'

import * as api from '@/api/client'
import { asProblem } from '@/api/problems'
import type { System } from '@/api/types'

/** Null until they are known; without them one types what one knows. */
export function useGenerators(): ShallowRef<Pick<System, 'generator' | 'generators'> | null> {
  const generators = shallowRef<Pick<System, 'generator' | 'generators'> | null>(null)

  async function read(): Promise<void> {
    generators.value = await api.getSystem()
  }

  read().catch(asProblem)
  return generators
}
