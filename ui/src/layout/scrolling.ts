/** Scrolling back to where one was: as soon as the page is long enough again. */

const PATIENCE = 3_000

interface Place {
  readonly left: number
  readonly top: number
}

export function onceReachable(place: Place): Promise<Place> {
  const deadline = performance.now() + PATIENCE
  return new Promise((resolve) => {
    const look = () => {
      const lowest = Math.max(0, document.documentElement.scrollHeight - window.innerHeight)
      if (lowest >= place.top || performance.now() > deadline) {
        resolve(place)
      } else {
        requestAnimationFrame(look)
      }
    }
    look()
  })
}
