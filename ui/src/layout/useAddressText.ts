/** A text that is typed, and kept in the address: going back finds it again. */
import { watchDebounced } from '@vueuse/core'
import { ref, watch, type Ref } from 'vue'
import { useRoute, useRouter } from 'vue-router'

const PAUSE = 250

export function useAddressText(name: string): Ref<string> {
  const route = useRoute()
  const router = useRouter()
  const { path } = route
  const said = () => {
    const value = route.query[name]
    return typeof value === 'string' ? value : ''
  }
  const text = ref(said())

  watchDebounced(
    text,
    (typed) => {
      if (route.path === path && typed !== said()) {
        void router.replace({ query: { ...route.query, [name]: typed === '' ? undefined : typed } })
      }
    },
    { debounce: PAUSE },
  )
  watch(said, (value) => {
    if (route.path === path && value !== text.value) {
      text.value = value
    }
  })
  return text
}
