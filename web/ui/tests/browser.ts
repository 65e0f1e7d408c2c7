// Pages with a login, and what no page may do.
import { test as base, expect, type Page } from '@playwright/test';
import { password } from './client';

export const origin = () => process.env.BASE!;

export async function logIn(page: Page, username = 'ann'): Promise<void> {
  const data = { username, password };
  const response = await page.request.post(`${origin()}/api/auth/session`, { data, headers: { Origin: origin() } });
  expect(response.status(), await response.text()).toBe(204);
}

/** Opens a page and waits for its answers. */
export async function open(page: Page, path: string): Promise<void> {
  await page.goto(origin() + path);
  await expect(page.locator('main h1')).toBeVisible();
  await expect(page.locator('.skeleton')).toHaveCount(0);
}

/** Tests whose pages say nothing in the console and ask nobody else. */
export const test = base.extend<{ quiet: void; refusals: boolean }>({
  /** Whether the service refuses something on purpose: Chromium writes that into the console. */
  refusals: [false, { option: true }],
  quiet: [
    async ({ page, refusals }, use) => {
      const said: string[] = [];
      page.on('console', (message) => {
        if (refusals && message.text().startsWith('Failed to load resource')) return;
        if (['error', 'warning'].includes(message.type())) said.push(message.text());
      });
      page.on('pageerror', (error) => said.push(error.message));
      page.on('request', (request) => {
        if (!request.url().startsWith(origin())) said.push(`asked ${request.url()}`);
      });
      await use();
      expect(said).toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };
