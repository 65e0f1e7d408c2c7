// Light or dark: the system's unless chosen here. /assets/theme.js sets it before the
// first paint.
class Theme {
  #chosen = $state(document.documentElement.dataset.theme ?? '');

  turn(): void {
    const dark = this.#chosen ? this.#chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    this.#chosen = dark ? 'light' : 'dark';
    document.documentElement.dataset.theme = this.#chosen;
    try {
      localStorage.setItem('theme', this.#chosen);
    } catch {
      // No storage: it holds until the page is left.
    }
  }
}

export const theme = new Theme();
