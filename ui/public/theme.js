// Before the first paint, so that a page that is dark by choice never flashes; theme/themeStore.ts does the rest.
try {
  const chosen = localStorage.getItem('dynavera-theme')
  if (chosen === 'light' || chosen === 'dark') {
    document.documentElement.dataset.theme = chosen
  }
} catch {
  // A browser that keeps nothing has the system's theme.
}
