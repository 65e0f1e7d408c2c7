// What each page says, as a screen reader finds it: headings, names of buttons and charts,
// every figure. In tests/transcripts; make web-transcripts writes them again.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test, type Page } from '@playwright/test';

const folder = join(import.meta.dirname, 'transcripts');

/** The name of a page's files. */
export function fileName(path: string): string {
  const words = decodeURIComponent(path).toLowerCase().split(/[^\p{L}\d]+/u);
  return words.filter(Boolean).join('-') || 'overview';
}

/** The text of a page, without what differs each time. */
async function said(page: Page): Promise<string> {
  const text = await page.locator('main').ariaSnapshot();
  return `${text}\n`
    .replace(/((\n +- option) .+)(\2 .+){99,}/g, '$1$2 …') // zones that the browser knows
    .replace(/\bea_\w+…/g, 'ea_…') // keys
    .replace(/localhost:\d+/g, 'localhost:…')
    .replace(/\brequest [\da-f-]{36}\b/g, 'request …')
    .replace(/\bVersion \S+/g, 'Version …')
    .replace(/[\d.]+ (bytes|[kMG]B)\b/g, '… $1'); // on disk
}

/** Whether they are to be written anew; pages are then not looked at otherwise. */
export const writing = () => test.info().config.updateSnapshots === 'changed';

/** Compares what a page says in a state with what it said. */
export async function transcript(page: Page, state: string, path: string): Promise<void> {
  const file = join(folder, state, `${fileName(path)}.yml`);
  if (!writing()) {
    await expect.configure({ soft: true }).poll(() => said(page), { message: `${file} is what the page says` }).toBe(readFileSync(file, 'utf8'));
    return;
  }
  // Written once it no longer changes.
  let text = '';
  await expect.poll(async () => text === (text = await said(page)), { intervals: [500] }).toBe(true);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
