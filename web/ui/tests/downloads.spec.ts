// The chart of every page as a file: a drawing with what it shows written above it, in
// colours that other programs know.
import { readFileSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { expect, logIn, open, projectId, test } from './browser';
import { pictureDay } from './sample';

/** What is drawn for a page, and some of its words. */
const charts = [
  { path: '/', file: 'overview', title: 'Active users by day', words: [] },
  { path: '/explore?v=map&e=purchase', file: 'trends', title: 'Total events: purchase', words: ['Mon', 'Sun', '23'] },
  { path: '/funnels?e=app_opened&e=purchase', file: 'funnel', title: 'app_opened → purchase', words: ['purchase', '100%', 'began'] },
  { path: '/funnels?e=app_opened&e=purchase', file: 'funnel-times', title: 'Time from the first step to the last', words: [] },
  { path: '/retention', file: 'average-return', title: 'Retention by week, on average', words: [] },
  { path: '/retention', file: 'retention', title: 'Retention by week', words: ['Average', 'W11', '31 Mar'] },
  { path: '/paths', file: 'paths', title: 'Paths of users', words: ['app_opened '] },
  { path: '/lifecycle', file: 'lifecycle', title: 'Lifecycle of users by day', words: ['Returning'] },
  { path: '/stickiness', file: 'stickiness', title: 'Users by the number of days they were there', words: [] },
  { path: '/sessions', file: 'sessions', title: 'Sessions: sessions by day', words: [] },
  { path: '/users?id=1007', file: 'user', title: 'Events by day of 1007', words: [] },
  { path: '/live', file: 'live', title: 'Events a minute, last hour', words: [] },
  { path: '/settings?tab=usage', file: 'usage', title: 'Events by month', words: ['Apr 2025'] },
];

/** Saves the chart whose files have a name. */
async function save(page: Page, file: string, format: 'PNG' | 'SVG'): Promise<Buffer> {
  // The menu of that name has a link to the CSV; its button is before it.
  const id = await page.locator(`[popover]:has(a[download="${file}.csv"])`).getAttribute('id');
  await page.locator(`[popovertarget="${id}"]`).click();
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: `${format} of the chart` }).click()]);
  expect(download.suggestedFilename()).toBe(`${file}.${format.toLowerCase()}`);
  await expect(page.getByRole('button', { name: `${format} of the chart` })).toBeHidden();
  return readFileSync(await download.path());
}

/** How many colours a picture has that fill more than some pixels of it. */
const coloursOf = (page: Page, png: Buffer) =>
  page.evaluate(async (bytes) => {
    const image = await createImageBitmap(new Blob([new Uint8Array(bytes)], { type: 'image/png' }));
    const context = new OffscreenCanvas(image.width, image.height).getContext('2d')!;
    context.drawImage(image, 0, 0);
    const counts = new Map<number, number>();
    for (const pixel of new Uint32Array(context.getImageData(0, 0, image.width, image.height).data.buffer)) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
    return [...counts.values()].filter((count) => count > 100).length;
  }, [...png]);

test('each chart is a picture, as a drawing and in pixels', async ({ page }) => {
  await page.clock.setFixedTime(pictureDay);
  await logIn(page);
  const project = await projectId(page, 'Pictures');
  for (const { path, file, title, words } of charts) {
    await open(page, `${path}${path.includes('?') ? '&' : '?'}project=${project}`);
    const svg = (await save(page, file, 'SVG')).toString();
    const texts = [...svg.matchAll(/<text[^>]*>(.*?)<\/text>/gs)].map(([, text]) => text.replace(/<[^>]*>/g, ''));
    expect(texts[0], file).toBe(title);
    expect(texts[1], file).toMatch(/ · Europe\/Warsaw · every event until .* is counted$/);
    for (const word of words) expect(texts.some((text) => text.startsWith(word)), `${word} in ${file}: ${texts.join('|')}`).toBe(true);
    expect(svg, file).not.toMatch(/var\(|color-mix|oklab|color\(|NaN/);
    expect([...svg.matchAll(/<(rect|path) /g)].length, file).toBeGreaterThan(1); // the paper is one
    const png = await save(page, file, 'PNG');
    expect(await coloursOf(page, png), file).toBeGreaterThan(2); // paper, ink and the chart's
    if (process.env.SHOTS) (await import('node:fs')).writeFileSync(`${process.env.SHOTS}/download-${file}.png`, png);
  }
});
