/** After a change of page the focus is in it, and a screen reader hears where one is. */
import { nextTick, ref, watch, type Ref } from 'vue'
import { useRoute } from 'vue-router'

export function useArrival(main: Readonly<Ref<HTMLElement | null>>): Ref<string> {
  const route = useRoute()
  const arrivedAt = ref('')

  watch(
    () => ({ name: route.name, path: route.path }),
    async (here, before) => {
      // The first page is announced by the browser itself.
      if (before.name === undefined || here.path === before.path) {
        return
      }
      await nextTick()
      arrivedAt.value = route.meta.title
      if (main.value?.contains(document.activeElement) === false) {
        main.value.focus({ preventScroll: true })
      }
    },
  )
  return arrivedAt
}
