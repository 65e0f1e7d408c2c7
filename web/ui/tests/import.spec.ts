// A file that is dropped into Settings.
import { gzipSync } from 'node:zlib';
import { ask, logIn as logInForAPI } from './client';
import { expect, logIn, open, origin, projectId, test, violations, withAxe } from './browser';
import type { Page } from '@playwright/test';

const rows = 4500; // three requests
const bad = 1000;

function csv(): Buffer {
  const lines = ['when;who;"what, exactly";amount;note'];
  for (let n = 0; n < rows; n++) {
    const time = n === bad ? 'soon' : `2025-03-${String(1 + (n % 28)).padStart(2, '0')} 12:00:00`;
    lines.push(`${time};u-${n % 50};order;${n}.50;"line ${n}"`);
  }
  return gzipSync(lines.join('\r\n'));
}

async function drop(page: Page, name: string, content: Buffer): Promise<void> {
  const transfer = await page.evaluateHandle(
    ([name, text]) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([Uint8Array.from(atob(text), (char) => char.charCodeAt(0))], name));
      return transfer;
    },
    [name, content.toString('base64')],
  );
  await page.locator('.drop').dispatchEvent('drop', { dataTransfer: transfer });
}

async function map(page: Page): Promise<void> {
  await page.getByLabel('Who: the user’s id').selectOption('who');
  await page.getByLabel('What: the event type').selectOption('what, exactly');
  await page.getByRole('combobox', { name: 'When', exact: true }).selectOption('when');
  await page.getByLabel('Time zone of times without one').selectOption('Asia/Tokyo');
}

test.use({ expected: /Failed to load resource: net::ERR_/ });

test('its events are there once, however often it is dropped and the network fails', async ({ page }) => {
  await withAxe(page);
  await logIn(page);
  const project = await projectId(page, 'Files');
  await open(page, `/settings?tab=import&project=${project}`);
  await drop(page, 'orders.csv.gz', csv());
  await expect(page.getByText('Choose the column that says who.')).toBeVisible();
  await map(page);
  const preview = page.getByRole('region', { name: 'The first rows, as they would be stored' });
  await expect(preview.locator('tbody tr').first()).toHaveText(/2\s*2025-03-01 03:00:00\s*u-0\s*order\s*{"amount":0.50,"note":"line 0"}/);
  expect(await violations(page)).toEqual([]);

  // The answer to the first request is lost, and then there is no network.
  let requests = 0;
  await page.route('**/api/events', async (route) => {
    if (requests++ === 0) await route.fetch();
    await route.abort();
  });
  await page.getByRole('button', { name: 'Import into Files' }).click();
  await expect(page.getByText('Interrupted')).toBeVisible();
  await page.unroute('**/api/events');
  await page.getByRole('button', { name: 'Resume' }).click();
  await expect(page.getByText('Imported', { exact: true })).toBeVisible();
  await expect(page.getByText('4,499 added, 0 already there, 1 refused')).toBeVisible();
  await expect(page.getByRole('region', { name: 'Refused rows' }).locator('tbody')).toHaveText(/1002\s*when is no such time: "soon"/);
  expect(await violations(page)).toEqual([]);

  await page.getByRole('button', { name: 'Import another file' }).click();
  await drop(page, 'orders.csv.gz', csv());
  await map(page);
  await page.getByRole('button', { name: 'Import into Files' }).click();
  await expect(page.getByText('0 added, 4,499 already there, 1 refused')).toBeVisible();

  const ann = { ...(await logInForAPI(origin(), 'ann')), project };
  const range = 'from=2025-03-01&to=2025-03-28&timezone=Asia/Kathmandu&interval=all';
  await expect
    .poll(async () => (await ask<{ value: number }>(ann, `/api/stats/trends?${range}&series=order&measure=events`))[0]?.value)
    .toBe(rows - 1);
});

test('numbers beyond 2^53 keep their digits', async ({ page }) => {
  await logIn(page);
  const project = await projectId(page, 'Files');
  await open(page, `/settings?tab=import&project=${project}`);
  const digits = '9007199254740993'; // 2^53 + 1
  await drop(page, 'counts.ndjson', Buffer.from(`{"ts":1743500000,"user_id":${digits},"event":"counted","n":${digits}}\n`));
  await page.getByRole('button', { name: 'Import into Files' }).click();
  await expect(page.getByText('1 added, 0 already there')).toBeVisible();
  const { token } = await logInForAPI(origin(), 'ann');
  const headers = { Authorization: `Bearer ${token}`, 'X-Project': String(project) };
  const stored = async () => (await fetch(`${origin()}/api/stats/events/latest?segment=event_type=counted`, { headers })).text();
  await expect.poll(stored).toContain(`"properties":{"n":${digits}}`);
  expect(await stored()).toContain(`"user_id":"${digits}"`);
});

test('what is no file of events is refused in words', async ({ page }) => {
  await logIn(page);
  await open(page, `/settings?tab=import&project=${await projectId(page, 'Files')}`);
  await drop(page, 'broken.csv.gz', Buffer.from('not packed'));
  await expect(page.getByRole('alert')).toContainText('broken.csv.gz cannot be read.');
  await drop(page, 'empty.csv', Buffer.from('a,b\n'));
  await expect(page.getByRole('alert')).toContainText('There are no rows in it.');
  await drop(page, 'twice.csv', Buffer.from('a,b,a\n1,2,3\n'));
  await expect(page.getByRole('alert')).toContainText('Two columns are called “a”.');
});
