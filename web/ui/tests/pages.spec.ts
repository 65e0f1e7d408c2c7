// Each page, wide and on a phone, light and dark: readable by everyone, nothing beside
// the screen, nothing in the console.
import { AxeBuilder } from '@axe-core/playwright';
import { expect, logIn, open, origin, test } from './browser';

const pages = [
  '/',
  '/explore?e=app_opened&e=purchase',
  '/explore?e=purchase&v=bar&cmp=previous&by=properties.os&f=properties.country%3DPL',
  '/explore?e=purchase&v=table&m=sum:properties.price',
  '/explore?e=purchase&v=number&cmp=previous',
  '/explore?v=map',
  '/explore?e=purchase&e=purchase&f=event_type:exists&f=event_type:exists&q=A%2F7&q=A%2F7',
  '/explore?e=nothing',
  '/funnels?e=app_opened&e=item_viewed&e=purchase&by=properties.os',
  '/funnels',
  '/retention',
  '/paths',
  '/lifecycle',
  '/stickiness',
  '/sessions?by=properties.os',
  '/users',
  '/users?id=1007',
  '/cohorts',
  '/live',
  '/events?e=purchase',
  '/start',
  '/settings',
  '/settings?tab=keys',
  '/settings?tab=members',
  '/settings?tab=logins',
];

const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
const devices = [
  { name: 'wide', width: 1440, height: 900 },
  { name: 'phone', width: 390, height: 844 },
];

for (const colorScheme of ['light', 'dark'] as const) {
  for (const { name, width, height } of devices) {
    test(`pages, ${name}, ${colorScheme}`, async ({ page }) => {
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await logIn(page);
      for (const path of pages) {
        await open(page, path);
        const { violations } = await new AxeBuilder({ page }).withTags(rules).analyze();
        expect.soft(violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`), path).toEqual([]);
        const beside = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        expect.soft(beside, `pixels beside the screen of ${path}`).toBeLessThanOrEqual(0);
      }
    });
  }
}

test('login', async ({ page }) => {
  await page.goto(origin());
  await expect(page.getByRole('heading', { name: 'Log in' })).toBeVisible();
  const { violations } = await new AxeBuilder({ page }).withTags(rules).analyze();
  expect(violations).toEqual([]);
});
