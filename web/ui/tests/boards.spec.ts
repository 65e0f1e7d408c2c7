// Boards: made from a question, arranged, saved against each other, shown to others.
import type { Locator, Page } from '@playwright/test';
import { expect, logIn, open, origin, test, violations, withAxe } from './browser';

interface Tile {
  id: string;
  kind: string;
  title?: string;
  text?: string;
  size: { width: number; height: number };
  question?: { route: string; params: Record<string, unknown> };
}

const trends = (id: string, title: string, kind: string, params: Record<string, unknown>, size = { width: 6, height: 3 }): Tile => {
  const usual = { series: [{ event: 'purchase' }], measure: 'events', interval: 'day', fill: 'zero', from: '-29d', to: 'today' };
  return { id, kind, title, size, question: { route: '/api/stats/trends', params: { ...usual, ...params } } };
};

/** One tile of each kind. */
const every: Tile[] = [
  { id: 'words', kind: 'text', title: 'How to read it', text: 'Revenue first.\nThen who comes back.', size: { width: 4, height: 2 } },
  trends('sum', 'Revenue', 'number', { measure: 'sum(properties.price)', interval: 'all', compare: 'previous' }, { width: 4, height: 2 }),
  trends('users', 'Buyers', 'number', { measure: 'users', interval: 'all' }, { width: 4, height: 2 }),
  trends('lines', 'Purchases by system', 'line', { breakdown: ['properties.os'], top: 7 }),
  trends('bars', 'Purchases by week', 'bar', { interval: 'week', from: '-89d' }),
  trends('table', 'Purchases by day', 'table', {}),
  { id: 'funnel', kind: 'funnel', title: 'To the purchase', size: { width: 6, height: 3 }, question: { route: '/api/stats/funnels', params: { steps: [{ event: 'app_opened' }, { event: 'item_viewed' }, { event: 'purchase' }], from: '-29d', to: 'today' } } },
  { id: 'retention', kind: 'retention', title: 'Retention', size: { width: 12, height: 4 }, question: { route: '/api/stats/retention', params: { start_date: '-11w', end_date: 'today', windows: 12, granularity: 'week' } } },
  { id: 'top', kind: 'table', title: 'Top events', size: { width: 6, height: 3 }, question: { route: '/api/stats/top-events', params: { from: '-29d', to: 'today', limit: 5 } } },
  { id: 'wrong', kind: 'line', title: 'A question that is refused', size: { width: 6, height: 3 }, question: { route: '/api/stats/trends', params: { measure: 'nonsense', from: '-29d', to: 'today' } } },
  { id: 'paths', kind: 'paths', title: 'Paths', size: { width: 12, height: 4 }, question: { route: '/api/stats/paths', params: { steps: 4, from: '-29d', to: 'today' } } },
];

async function projectOf(page: Page): Promise<number> {
  const session = (await (await page.request.get(`${origin()}/api/auth/session`)).json()) as { projects: { id: number }[] };
  return session.projects[0].id;
}

/** Makes a board by the API, and returns its page. */
async function make(page: Page, name: string, tiles: Tile[]): Promise<string> {
  const data = { name, range: { from: '-29d', to: 'today', timezone: 'Europe/Warsaw' }, tiles };
  const response = await page.request.post(`${origin()}/api/projects/${await projectOf(page)}/boards`, { data, headers: { Origin: origin() } });
  expect(response.status(), await response.text()).toBe(201);
  return `/boards/${((await response.json()) as { id: number }).id}`;
}

const order = (page: Page) => page.locator('[data-tile]').evaluateAll((all) => all.map((one) => one.getAttribute('data-tile')));
const saved = (page: Page) => expect(page.getByRole('status').filter({ hasText: /^Saved$/ })).toBeVisible();
const handle = (page: Page, title: string) => page.getByRole('button', { name: new RegExp(`^Move ${title}`) });
const three = () => [every[1], every[2], every[4]];

test('a question of Explore becomes a tile of a new board, and another one its second', async ({ page }) => {
  await logIn(page);
  await open(page, '/explore?e=purchase&v=bar&r=7d');
  const save = async () => {
    await page.getByRole('button', { name: 'Save to board' }).click();
    return page.getByRole('dialog', { name: /^Save to board/ });
  };
  let dialog = await save();
  await dialog.getByLabel('Name of the new board').fill('Weekly meeting');
  await dialog.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByRole('button', { name: 'Stay here' }).click();

  await open(page, '/funnels?e=app_opened&e=purchase');
  dialog = await save();
  await dialog.getByLabel('Title').fill('Do they buy?');
  await dialog.getByRole('combobox', { name: 'Board', exact: true }).selectOption({ label: 'Weekly meeting' });
  await dialog.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByRole('link', { name: 'Open the board' }).click();

  await expect(page.getByRole('heading', { name: 'Weekly meeting' })).toBeVisible();
  await expect(page.getByRole('application', { name: /^events by day: purchase/ })).toBeVisible();
  const funnel = page.getByRole('region', { name: 'Do they buy?' });
  await expect(funnel).toContainText('went all the way');
  // The board was made from a page of seven days: they win, and the tile says so.
  await expect(page.getByLabel('Dates of the board')).toHaveValue('7d');
  await expect(funnel).toContainText('not its own Last 30 days');
  await page.getByLabel('Dates of the board').selectOption('30d');
  await saved(page);
  await page.reload();
  await expect(page.getByLabel('Dates of the board')).toHaveValue('30d');
  await expect(funnel).not.toContainText('not its own');
  await funnel.getByRole('button', { name: 'Menu of Do they buy?' }).click();
  await page.getByRole('link', { name: 'Open as a question' }).click();
  await expect(page).toHaveURL(/\/funnels\?.*e=app_opened&e=purchase/);
});

test('the tile is of the question for which the dialog was opened', async ({ page }) => {
  await logIn(page);
  await open(page, '/explore?e=purchase&v=bar');
  await page.getByRole('button', { name: 'Table' }).click();
  await page.getByRole('button', { name: 'Save to board' }).click();
  const dialog = page.getByRole('dialog', { name: 'Save to board as table' });
  await dialog.getByLabel('Name of the new board').fill('As it was');
  await page.goBack();
  await expect(page).toHaveURL(/v=bar/);
  await dialog.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByRole('link', { name: 'Open the board' }).click();
  await expect(page.locator('[data-tile]').getByRole('table')).toBeVisible();
});

test('tiles are moved and resized by keyboard, deleted and brought back, and stay so', async ({ page }) => {
  await logIn(page);
  await open(page, await make(page, 'By keyboard', three()));
  await handle(page, 'Revenue').focus();
  await page.keyboard.press('ArrowRight');
  await expect(page.locator('[aria-live=assertive]')).toHaveText('Revenue is at place 2 of 3.');
  expect(await order(page)).toEqual(['users', 'sum', 'bars']);
  await expect(handle(page, 'Revenue')).toBeFocused();
  await page.keyboard.press('End');
  expect(await order(page)).toEqual(['users', 'bars', 'sum']);
  await page.keyboard.press('Shift+ArrowRight');
  await expect(page.locator('[aria-live=assertive]')).toHaveText('Revenue is 5 of 12 columns wide and 2 rows high.');
  await page.getByRole('button', { name: 'Menu of Buyers' }).click();
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  expect(await order(page)).toEqual(['bars', 'sum']);
  await page.getByRole('button', { name: 'Undo' }).click();
  expect(await order(page)).toEqual(['users', 'bars', 'sum']);
  await saved(page);
  await page.reload();
  await expect(page.locator('[data-tile]')).toHaveCount(3);
  expect(await order(page)).toEqual(['users', 'bars', 'sum']);
  await expect(page.getByRole('region', { name: 'Revenue' })).toHaveCSS('grid-column-start', 'span 5');
});

test('tiles are moved and resized by pointer', async ({ page }) => {
  await page.setViewportSize({ width: 1440, height: 900 });
  await logIn(page);
  await open(page, await make(page, 'By pointer', three()));
  const last = (await page.getByRole('region', { name: 'Purchases by week' }).boundingBox())!;
  const from = (await handle(page, 'Revenue').boundingBox())!;
  await page.mouse.move(from.x + 5, from.y + 5);
  await page.mouse.down();
  await page.mouse.move(last.x + last.width - 30, last.y + 60, { steps: 5 });
  await page.mouse.up();
  expect(await order(page)).toEqual(['users', 'bars', 'sum']);
  const card = page.getByRole('region', { name: 'Buyers' });
  const { x, y, width, height } = (await card.boundingBox())!;
  await page.mouse.move(x + width - 8, y + height - 8);
  await page.mouse.down();
  await page.mouse.move(x + width * 1.5, y + height - 8, { steps: 5 });
  await page.mouse.up();
  await expect(card).toHaveCSS('grid-column-start', 'span 6');
  await saved(page);
});

test('at midnight a board asks about the next day, and for its notes', async ({ page }) => {
  await page.clock.install({ time: '2025-04-02T21:59:30Z' }); // 23:59:30 in Warsaw
  await logIn(page);
  await page.goto(origin() + (await make(page, 'Midnight', every.filter(({ id }) => id === 'retention'))));
  await expect(page.locator('[data-tile=retention] .seal')).toBeVisible();
  const next = page.waitForRequest(/\/stats\/retention\?.*end_date=2025-04-03/);
  const notes = page.waitForRequest(/\/annotations\?.*to=2025-04-03/);
  await page.clock.fastForward(60_000);
  await Promise.all([next, notes]);
});

// The service refuses something in these; Chromium writes so into the console.
test.describe('refusals', () => {
  test.use({ expected: /^Failed to load resource/ });

  test('what could not be saved when the page was left is there afterwards', async ({ page }) => {
    await logIn(page);
    await open(page, await make(page, 'Left', three()));
    await page.route(/\/boards\/\d+$/, (route) => (route.request().method() === 'PUT' ? route.abort() : route.continue()));
    await handle(page, 'Revenue').focus();
    await page.keyboard.press('End');
    const failed = page.waitForEvent('requestfailed');
    await page.getByRole('link', { name: 'Users', exact: true }).click();
    await failed;
    await expect(page.getByRole('heading', { name: 'Users', exact: true, level: 1 })).toBeVisible();
    await page.unroute(/\/boards\/\d+$/);
    await page.goBack();
    await saved(page);
    expect(await order(page)).toEqual(['users', 'bars', 'sum']);
    await page.reload();
    await expect(page.locator('[data-tile]')).toHaveCount(3);
    expect(await order(page)).toEqual(['users', 'bars', 'sum']);
  });

  for (const choice of ['Keep yours', 'Take theirs'] as const) {
    test(`of two versions a person chooses: ${choice}`, async ({ page, context }) => {
      await withAxe(page);
      await logIn(page);
      const path = await make(page, 'Two tabs', three());
      await open(page, path);
      const other = await context.newPage();
      await open(other, path);
      await handle(other, 'Revenue').focus();
      await other.keyboard.press('End');
      await saved(other);
      await page.getByRole('button', { name: 'Menu of Buyers' }).click();
      await page.getByRole('button', { name: 'Delete', exact: true }).click();
      const dialog = page.getByRole('dialog', { name: 'Someone else changed this board' });
      await expect(dialog.getByRole('region', { name: 'Theirs' })).toContainText('Buyers');
      await expect(dialog.getByRole('region', { name: 'Theirs' })).toContainText('only here');
      await expect(dialog.getByRole('region', { name: 'Yours' })).not.toContainText('Buyers');
      expect(await violations(page)).toEqual([]);
      await dialog.getByRole('button', { name: choice }).click();
      await expect(dialog).toBeHidden();
      await saved(page);
      const kept = choice === 'Keep yours' ? ['sum', 'bars'] : ['users', 'bars', 'sum'];
      expect(await order(page)).toEqual(kept);
      await page.reload();
      await expect(page.locator('[data-tile]')).toHaveCount(kept.length);
      expect(await order(page)).toEqual(kept);
    });
  }
});

test('boards are renamed, duplicated and deleted', async ({ page }) => {
  await logIn(page);
  await make(page, 'First name', three());
  await open(page, '/boards');
  await page.getByRole('button', { name: 'Rename First name' }).click();
  await page.getByLabel('Name', { exact: true }).fill('Second name');
  await page.getByRole('button', { name: 'Rename', exact: true }).click();
  await page.getByRole('button', { name: 'Duplicate Second name' }).click();
  await page.getByRole('link', { name: /^Second name \(copy\)/ }).click();
  await expect(page.locator('[data-tile]')).toHaveCount(3);
  await page.goBack();
  await page.getByRole('button', { name: 'Delete Second name (copy)' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await expect(page.getByRole('link', { name: /^Second name \(copy\)/ })).toHaveCount(0);
  await expect(page.getByRole('link', { name: /^Second name/ })).toBeVisible();
});

test('on a wall there is nothing but the board; Escape leaves it', async ({ page }) => {
  await logIn(page);
  await open(page, await make(page, 'Wall', three()));
  await page.getByRole('button', { name: 'Show on a wall' }).click();
  await expect(page.getByRole('button', { name: 'Leave the wall' })).toBeVisible();
  await expect(handle(page, 'Revenue')).toHaveCount(0);
  await page.keyboard.press('Escape');
  await expect(handle(page, 'Revenue')).toBeVisible();
});

test('a note is on every chart over time, in its table and read aloud', async ({ page }) => {
  await logIn(page);
  await open(page, '/explore?e=purchase');
  await page.getByRole('button', { name: 'Add a note' }).click();
  await page.getByLabel('What happened').fill('Version 2 is out');
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(page.getByRole('list', { name: 'Notes' })).toContainText('Version 2 is out');
  const chart = page.getByRole('application');
  await chart.focus();
  await page.keyboard.press('End');
  await expect(chart.locator('[aria-live]')).toHaveText(/Note: Version 2 is out$/);
  await open(page, '/explore?e=purchase&v=table');
  await expect(page.getByRole('row', { name: /Version 2 is out/ })).toHaveCount(1);
  await open(page, '/');
  await page.getByRole('button', { name: 'Remove the note Version 2 is out' }).click();
  await expect(page.getByRole('list', { name: 'Notes' })).toHaveCount(0);
});

test('a chart is saved as a picture with its question and its colours', async ({ page }) => {
  await logIn(page);
  await open(page, '/explore?e=purchase&e=app_opened&v=bar');
  for (const format of ['PNG', 'SVG'] as const) {
    await page.getByRole('button', { name: 'Download' }).click();
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: `${format} of the chart` }).click()]);
    expect(download.suggestedFilename()).toBe(`trends.${format.toLowerCase()}`);
    await download.saveAs(test.info().outputPath(`chart.${format.toLowerCase()}`));
    if (format === 'SVG') {
      const { readFileSync } = await import('node:fs');
      const text = readFileSync(test.info().outputPath('chart.svg'), 'utf8');
      expect(text).toContain('Total events: purchase, app_opened');
      expect(text).toMatch(/Last 30 days \(.*\) · Europe\/Warsaw · every event until/);
      continue;
    }
    // The colours of both series are in it: light theme, tokens.css.
    const bytes = [...(await import('node:fs')).readFileSync(test.info().outputPath('chart.png'))];
    const seen = await page.evaluate(async (data) => {
      const image = await createImageBitmap(new Blob([new Uint8Array(data)], { type: 'image/png' }));
      const context = new OffscreenCanvas(image.width, image.height).getContext('2d')!;
      context.drawImage(image, 0, 0);
      const pixels = context.getImageData(0, 0, image.width, image.height).data;
      const counts: Record<string, number> = {};
      for (let i = 0; i < pixels.length; i += 4) {
        const key = `${pixels[i]},${pixels[i + 1]},${pixels[i + 2]}`;
        counts[key] = (counts[key] ?? 0) + 1;
      }
      return { width: image.width, green: counts['11,110,95'] ?? 0, orange: counts['211,129,6'] ?? 0 };
    }, bytes);
    expect(seen.width).toBeGreaterThan(1000);
    expect(seen.green).toBeGreaterThan(500);
    expect(seen.orange).toBeGreaterThan(500);
  }
});

/** What of an element lies beside the screen. */
const besideTheScreen = (element: Locator) =>
  element.evaluate((top) => [...top.querySelectorAll(':not([popover], [popover] *)')].filter((one) => one.getBoundingClientRect().right > innerWidth).map((one) => one.outerHTML.slice(0, 80)));

const devices = [
  { name: 'wide', width: 1440, height: 900 },
  { name: 'phone', width: 390, height: 844 },
];
test.describe('every kind', () => {
  test.use({ expected: /^Failed to load resource/ });
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const { name, width, height } of devices) {
      test(`a board of every kind, ${name}, ${colorScheme}`, async ({ page }) => {
        await page.setViewportSize({ width, height });
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        await withAxe(page);
        await logIn(page);
        const path = await make(page, 'Everything', every);
        await page.goto(origin() + path);
        // Tiles are asked when they are seen.
        await expect(page.locator('[data-tile]')).toHaveCount(every.length);
        for (const { id, kind } of every) {
          const tile = page.locator(`[data-tile=${id}]`);
          await tile.scrollIntoViewIfNeeded();
          if (id === 'wrong') await expect(tile.getByRole('alert')).toContainText('series: is required');
          else if (kind !== 'text') await expect(tile.locator('.seal')).toBeVisible();
        }
        expect(await violations(page)).toEqual([]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
        expect(await besideTheScreen(page.locator('main header').first())).toEqual([]);
        if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/board-${name}-${colorScheme}.png`, fullPage: true });
      });
    }
  }
});

test('a link shows the board without a login, until it is revoked', { tag: '@short' }, async ({ page, browser }) => {
  await logIn(page);
  const tiles = [...three(), every.find(({ id }) => id === 'retention')!];
  await open(page, await make(page, 'For the investors', tiles));
  await page.getByRole('button', { name: 'Share' }).click();
  await page.getByRole('button', { name: 'Make a link' }).click();
  const link = await page.locator('dialog code').innerText();
  expect(link).toMatch(/\/share#eas_[a-z2-7]{26}$/);
  const links = page.getByRole('list', { name: 'Links' });
  await expect(links).toContainText('not used yet');

  const context = await browser.newContext();
  const guest = await context.newPage();
  await withAxe(guest);
  const asked: string[] = [];
  guest.on('request', (request) => asked.push(new URL(request.url()).pathname));
  await guest.goto(link);
  await expect(guest.getByRole('heading', { name: 'For the investors' })).toBeVisible();
  await expect(guest.getByRole('region', { name: 'Revenue' })).toContainText(/[\d,.]{4,}/);
  await expect(guest.getByRole('application')).toBeVisible();
  // Retention takes dates; the board's move with today. Each answer says until when it is complete.
  for (const { id } of tiles) {
    await guest.locator(`[data-tile=${id}]`).scrollIntoViewIfNeeded();
    await expect(guest.locator(`[data-tile=${id}] .seal`)).toContainText(/until \d\d:\d\d:\d\d/);
  }
  await expect(guest.getByRole('alert')).toHaveCount(0);
  await expect(guest.getByRole('navigation')).toHaveCount(0);
  for (const [item, ending] of [['CSV', 'csv'], ['PNG of the chart', 'png']]) {
    await guest.getByRole('button', { name: 'Download Purchases by week' }).click();
    const [download] = await Promise.all([guest.waitForEvent('download'), guest.getByRole('button', { name: item, exact: true }).click()]);
    expect(download.suggestedFilename()).toBe(`Purchases-by-week.${ending}`);
  }
  for (const width of [1440, 390]) {
    await guest.setViewportSize({ width, height: 900 });
    expect(await violations(guest)).toEqual([]);
    if (process.env.SHOTS) await guest.screenshot({ path: `${process.env.SHOTS}/share-${width}.png`, fullPage: true });
  }
  expect(asked.filter((path) => path.startsWith('/api/') && !path.startsWith('/api/share'))).toEqual([]);

  await links.getByRole('button', { name: 'Revoke' }).click();
  await expect(page.getByText('No links yet.')).toBeVisible();
  // A revoked link works as long as the service keeps what it read, at most.
  await expect(async () => {
    await guest.reload();
    await expect(guest.getByRole('heading', { name: 'This link shows nothing any more' })).toBeVisible({ timeout: 1000 });
  }).toPass();
  await context.close();
});
