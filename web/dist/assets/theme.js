// Before the first paint, so that a dark screen never flashes white.
try {
  const theme = localStorage.getItem('theme');
  if (theme) document.documentElement.dataset.theme = theme;
} catch {
  // No storage: the theme is the system's.
}
