/** A new file for a document that is there: it keeps its name, its address and its collection. */
import { computed, shallowRef, watch } from 'vue'

import type { Document } from '@/api/types'
import { useToastStore } from '@/toasts/toastStore'

import { isMoving, type Upload } from './uploads'
import { useUploadsStore } from './uploadsStore'

export function useReplacement(onReplaced: () => void) {
  const uploads = useUploadsStore()
  const toasts = useToastStore()
  const upload = shallowRef<Upload | null>(null)
  const isReplacing = computed(() => upload.value !== null && isMoving(upload.value))

  function replace({ name, collection }: Document, file: File): void {
    upload.value = uploads.add([{ name, file }], collection)[0] ?? null
  }

  watch(
    () => upload.value?.state,
    (state) => {
      const sent = upload.value
      if (sent === null) {
        return
      }
      if (state === 'added') {
        toasts.say({ title: `“${sent.name}” replaced`, tone: 'good' })
        onReplaced()
      } else if (state === 'unchanged') {
        toasts.say({
          title: `“${sent.name}” unchanged`,
          detail: 'The new file has the same content.',
        })
      } else if (state === 'refused' || state === 'failed') {
        const said = { detail: sent.detail ?? '', ...(sent.code === null ? {} : { code: sent.code }) }
        toasts.say({ title: `Could not replace “${sent.name}”`, tone: 'bad', ...said })
      }
    },
  )
  return { isReplacing, replace }
}
