// On an instance without any user.
import { expect, origin, test } from './browser';
import { password } from './client';

test('the first minute: the first account, a key, an event, the overview', async ({ page }) => {
  await page.goto(origin());
  await expect(page.getByText('Nobody has one here yet')).toBeVisible();
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
