// Answers that are the same in each run. Events are of a fixed day; when the service
// answered, counted and kept something differs.
import type { Page } from '@playwright/test';
import { pictureDay } from './sample';

const instant = /"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[^"]*"/g;
const pictured = JSON.stringify(new Date(pictureDay).toISOString());
// Ranges of the sample end within a year.
const later = pictureDay + 365 * 864e5;

/** A JSON body in which everything was done on the day of pictures, in 2.5 ms. */
export function still(body: string): string {
  return body
    .replace(instant, (text) => (Date.parse(JSON.parse(text) as string) > later ? pictured : text))
    .replace(/"response_time_sec":[\d.e-]+/g, '"response_time_sec":0.0025');
}

/** Has the page get all answers so. */
export async function standStill(page: Page): Promise<void> {
  await page.route(/\/api\/(?!stats\/events\/stream)/, async (route) => {
    const response = await route.fetch().catch(() => undefined);
    if (!response) return; // the page asked for something else by now
    if (!response.headers()['content-type']?.includes('json')) return route.fulfill({ response });
    await route.fulfill({ response, body: still(await response.text()) });
  });
}
