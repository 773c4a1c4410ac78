/** Where the product is served: at `/`, or behind a proxy at a path such as `/rag/`. */

/** Starts and ends with a slash. The server writes it into the page. */
export const ROOT_PATH = new URL(
  document.querySelector<HTMLMetaElement>('meta[name="root-path"]')?.content ?? '/',
  window.location.origin,
).pathname

/** The URL of a path of the API such as `/api/me`. */
export function apiUrl(path: string): URL {
  return new URL(ROOT_PATH + path.slice(1), window.location.origin)
}
