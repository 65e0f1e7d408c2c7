// Pictures of the pages as they are meant to look, in tests/pictures; make web-pictures
// takes them again.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test, type Browser, type Page } from '@playwright/test';

// The version of the Chromium that took them. Another one draws letters differently:
// its pictures are compared with nothing.
const takenBy = join(import.meta.dirname, 'pictures/chromium');

/** Whether pictures of this browser are compared with those that there are, or are to be taken. */
export function comparable(browser: Browser): boolean {
  const [version] = browser.version().split('.');
  if (test.info().config.updateSnapshots === 'all') {
    mkdirSync(dirname(takenBy), { recursive: true });
    writeFileSync(takenBy, `${version}\n`);
    return true;
  }
  const known = existsSync(takenBy) ? readFileSync(takenBy, 'utf8').trim() : 'none';
  if (known === version) return true;
  console.log(`pictures: not compared, they are of Chromium ${known}, and this is ${version}`);
  return false;
}

// A wide page in the light and a narrow one in the dark show what either changes, with
// half the bytes of all four.
const taken = [
  ['wide', 'light'],
  ['phone', 'dark'],
];

/** What differs each time: when it was answered, and the build. */
const volatile = '.seal, [data-volatile]';

/** Compares what is on the screen with its picture. */
export async function picture(page: Page, path: string, size: string, scheme: string): Promise<void> {
  if (!taken.some(([a, b]) => a === size && b === scheme)) return;
  const name = path.slice(1).replace(/[?].*/, (query) => (query.startsWith('?id') ? '-one' : '')) || 'overview';
  await expect.soft(page).toHaveScreenshot(`${name}-${size}.png`, { mask: [page.locator(volatile)], maskColor: '#8a8f89' });
}
