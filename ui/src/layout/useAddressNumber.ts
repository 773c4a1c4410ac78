/** A number from 1 on that is kept in the address: going back finds it again. */
import { ref, watch, type Ref } from 'vue'
import { useRoute, useRouter } from 'vue-router'

export function useAddressNumber(name: string, most: number): Ref<number> {
  const route = useRoute()
  const router = useRouter()
  const { path } = route
  const number = ref(Math.min(most, Math.max(1, Math.floor(Number(route.query[name])) || 1)))

  watch(number, (next) => {
    if (route.path === path) {
      void router.replace({ query: { ...route.query, [name]: next === 1 ? undefined : String(next) } })
    }
  })
  return number
}
