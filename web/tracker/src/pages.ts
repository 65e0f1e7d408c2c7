/**
 * Calls view once for each page that is shown: the first, those that the history API
 * leads to, and one that comes back from the browser's cache. A page that is rendered in
 * advance counts when it is shown.
 */
export function watchPages(path: () => string, view: () => void): void {
  let last: string | undefined;
  const look = () => {
    const now = path();
    if (now !== last) {
      last = now;
      view();
    }
  };
  const start = () => {
    look();
    // Routers call replaceState with the address that is there: only another page counts.
    for (const name of ['pushState', 'replaceState'] as const) {
      const call = history[name];
      history[name] = function (...args) {
        call.apply(this, args);
        look();
      };
    }
    addEventListener('popstate', look);
    addEventListener('hashchange', look);
    addEventListener('pageshow', (event) => event.persisted && view());
  };
  if ((document as { prerendering?: boolean }).prerendering) {
    document.addEventListener('prerenderingchange', start, { once: true });
  } else {
    start();
  }
}
