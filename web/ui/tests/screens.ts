// Takes the pictures of the documentation, in docs/screens: make web-screens.
import { join } from 'node:path';
import { test } from '@playwright/test';
import { logIn, open, origin, settled, pendingQuestions } from './browser';
import { register, send, upload } from './client';
import { shop } from './shop';

const folder = join(import.meta.dirname, '../../../docs/screens');
const pages = [
  { name: 'overview', path: '/', height: 940 },
  { name: 'explore', path: '/explore?e=purchase&m=sum:properties.price&by=properties.country&v=area', height: 880 },
  { name: 'funnels', path: '/funnels?e=app_opened&e=item_viewed&e=cart_added&e=checkout_started&e=purchase', height: 880 },
  { name: 'retention', path: '/retention', height: 1000 },
  { name: 'paths', path: '/paths', height: 780 },
];

test('the pictures of the documentation', async ({ page }) => {
  const ann = await register(origin(), 'ann');
  const { id } = await send<{ id: number }>(ann, 'POST', '/api/projects', { name: 'Corner shop' });
  const project = { ...ann, project: id };
  await send(ann, 'PATCH', `/api/projects/${id}`, { timezone: 'Europe/Warsaw' });
  await upload(project, shop(Date.now()));
  await logIn(page);
  const pending = pendingQuestions(page);
  for (const { name, path, height } of pages) {
    await page.setViewportSize({ width: 1440, height });
    await open(page, `${path}${path.includes('?') ? '&' : '?'}project=${id}`);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await settled(page, pending);
      await page.screenshot({ path: join(folder, `${name}-${colorScheme}.png`) });
    }
  }
});
