/** Leaves the log as somebody does who has opened it once. */
export function unfoldLog(): void {
  localStorage.setItem('dynavera-log-open', 'true')
}
