import { ask, logIn as logInForAPI, password } from './client';
import { expect, logIn, open, origin, test } from './browser';
import { hostileText } from './sample';

test('the first minute: an account, a key, an event, the overview', async ({ page }) => {
  await page.goto(origin());
  await page.getByRole('button', { name: 'Create an account' }).click();
  await page.getByLabel('User name').fill('bea');
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Create account' }).click();
  // A project without events begins with sending one.
  await expect(page.getByRole('heading', { name: 'Send your first event' })).toBeVisible();
  await page.getByRole('button', { name: 'Make an ingest key' }).click();
  const key = await page.locator('.line code').innerText();
  await expect(page.locator('pre')).toContainText(`Bearer ${key}`);
  await page.getByRole('button', { name: 'Send a test event from here' }).click();
  await expect(page.getByRole('heading', { name: 'It is here' })).toBeVisible();
  // The overview's answers must have the event.
  const fresh = page.waitForRequest(/\/api\/stats\/.*min_position=./);
  await page.getByRole('link', { name: 'Open the overview' }).click();
  await fresh;
  await expect(page.getByRole('heading', { name: 'Overview' })).toBeVisible();
  await expect(page.getByText('test_event').first()).toBeVisible();
});

test('back and forward restore everything', async ({ page }) => {
  await logIn(page);
  await open(page, '/explore?e=purchase');
  await page.getByRole('button', { name: 'Bars' }).click();
  await page.getByLabel('Compare with').selectOption('previous');
  await page.getByRole('button', { name: 'Week', exact: true }).click();
  expect(new URL(page.url()).search).toBe('?e=purchase&v=bar&cmp=previous&i=week');
  await page.goBack();
  await page.goBack();
  await expect(page.getByRole('button', { name: 'Bars' })).toHaveAttribute('aria-pressed', 'true');
  await expect(page.getByLabel('Compare with')).toHaveValue('');
  await page.goForward();
  await expect(page.getByLabel('Compare with')).toHaveValue('previous');
  await page.reload();
  await expect(page.getByLabel('Compare with')).toHaveValue('previous');
});

test('by keyboard alone: a page, an event typed at once, a chart read', async ({ page }) => {
  await logIn(page);
  await open(page, '/');
  await page.keyboard.press('g');
  await page.keyboard.press('e');
  await expect(page.getByRole('heading', { name: 'Explore' })).toBeVisible();
  await page.getByRole('button', { name: /^Event:/ }).focus();
  await page.keyboard.press('Enter');
  await page.keyboard.type('purch');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/e=purchase/);
  const chart = page.getByRole('application');
  await expect(chart).toHaveAccessibleName(/purchase/);
  await chart.focus();
  await page.keyboard.press('End');
  await expect(chart.locator('[aria-live]')).toHaveText(/so far: purchase \d/);
  await page.keyboard.press('?');
  await expect(page.getByRole('heading', { name: 'Keys' })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('heading', { name: 'Keys' })).toBeHidden();
});

test('without a clipboard, as on plain HTTP, the link is there to be copied by hand', async ({ page }) => {
  await page.addInitScript(() => Object.defineProperty(navigator, 'clipboard', { value: undefined }));
  await logIn(page);
  await open(page, '/explore?e=purchase');
  await page.getByRole('button', { name: 'Copy a link to this view' }).click();
  await page.getByRole('button', { name: /^Copy link the range/ }).click();
  await expect(page.getByLabel(/^Pages may copy/)).toHaveValue(/^http.*e=purchase/);
});

test('values are text, whatever is in them', async ({ page }) => {
  await logIn(page);
  await open(page, `/users?id=${encodeURIComponent(hostileText)}`);
  await expect(page.getByRole('heading', { name: `User ${hostileText}` })).toBeVisible();
  await expect(page.locator('dd', { hasText: hostileText }).first()).toBeVisible();
  await open(page, `/explore?e=${encodeURIComponent(hostileText)}`);
  await page.getByRole('button', { name: 'Add filter' }).click();
  await page.getByRole('button', { name: /^Property:/ }).click();
  await page.getByRole('option', { name: 'a,b|c text' }).click();
  await page.getByRole('button', { name: /^Value:/ }).click();
  await page.keyboard.type('"quoted" & (more)');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(page.getByRole('region', { name: 'Series' }).locator('tbody b')).toHaveText('1');
  expect(await page.locator('main img').count()).toBe(0);
});

test('a logout in one tab is one in all; the address stays', async ({ page, context }) => {
  await logIn(page);
  await open(page, '/retention?i=month');
  const other = await context.newPage();
  await open(other, '/users');
  await other.getByRole('button', { name: 'Log out' }).click();
  await expect(page.getByRole('heading', { name: 'Log in' })).toBeVisible();
  await page.getByLabel('User name').fill('ann');
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Log in' }).click();
  await expect(page.getByRole('heading', { name: 'Retention' })).toBeVisible();
  expect(new URL(page.url()).search).toBe('?i=month');
});

test('figures are the API’s', async ({ page }) => {
  await logIn(page);
  const ann = await logInForAPI(origin(), 'ann');
  const calendar = new Intl.DateTimeFormat('en-CA', { timeZone: 'Europe/Warsaw' });
  const day = (ago: number) => calendar.format(Date.now() - ago * 864e5);
  const range = `from=${day(29)}&to=${day(0)}&timezone=Europe/Warsaw`;
  const question = `/api/stats/trends?${range}&interval=all&series=purchase&measure=sum(properties.price)`;
  const [revenue] = await ask<{ value: number }>(ann, question);
  const fixed = `from=${day(29)}&to=${day(0)}`;
  await open(page, `/explore?e=purchase&m=sum:properties.price&${fixed}`);
  const shown = page.getByRole('region', { name: 'Series' }).locator('tbody b');
  await expect(shown).toHaveText(revenue.value.toLocaleString('en-GB', { maximumFractionDigits: 2 }));

  const steps = await ask<{ users: number }>(ann, `/api/stats/funnels?${range}&steps=app_opened&steps=purchase`);
  await open(page, `/funnels?e=app_opened&e=purchase&${fixed}`);
  for (const [k, { users }] of steps.entries()) {
    await expect(page.locator('ol .label .num').nth(k)).toHaveText(users.toLocaleString('en-GB'));
  }
});

test('the first visit costs at most 80 kB of scripts', async ({ page }) => {
  await logIn(page);
  const client = await page.context().newCDPSession(page);
  await client.send('Network.enable');
  const kinds = new Map<string, string>();
  let bytes = 0;
  client.on('Network.responseReceived', ({ requestId, type }) => kinds.set(requestId, type));
  client.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    if (kinds.get(requestId) === 'Script') bytes += encodedDataLength;
  });
  await open(page, '/');
  expect(bytes).toBeGreaterThan(20_000);
  expect(bytes).toBeLessThanOrEqual(80 * 1024);
});
