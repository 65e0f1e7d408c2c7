// Each page in each state, wide and on a phone, light and dark: readable by everyone,
// nothing beside the screen, nothing in the console, and saying what it said before; with
// answers, also as pictured.
//
// Pages follow one another in one document, and are seen in all four ways before the
// next: loading a document takes longer than all of it.
import type { Page, Route } from '@playwright/test';
import { boardId, expect, follow, logIn, origin, pendingQuestions, projectId, settled, test, violations, withAxe } from './browser';
import { comparable, picture } from './pictures';
import { pictureDay } from './sample';
import { standStill, still } from './still';
import { transcript, writing } from './transcripts';

/** One of each page. */
const pages = [
  '/',
  '/explore?e=app_opened&e=purchase',
  '/funnels?e=app_opened&e=item_viewed&e=purchase',
  '/retention',
  '/paths',
  '/lifecycle',
  '/stickiness',
  '/sessions',
  '/boards',
  '/boards/:first',
  '/users',
  '/users?id=1007',
  '/cohorts',
  '/live',
  '/events?e=purchase',
  '/start',
  '/settings',
  '/settings?tab=keys',
  '/settings?tab=members',
  '/settings?tab=usage',
  '/settings?tab=refused',
  '/settings?tab=import',
  '/settings?tab=logins',
  '/settings?tab=danger',
  '/invite',
];

/** Where the same page with answers looks different. */
const variants = [
  '/explore?e=purchase&v=bar&cmp=previous&by=properties.os&f=properties.country%3DPL',
  '/explore?e=purchase&v=table&m=sum:properties.price',
  '/explore?e=purchase&v=number&cmp=previous',
  '/explore?v=map',
  '/explore?e=purchase&e=purchase&f=event_type:exists&f=event_type:exists&q=A%2F7&q=A%2F7',
  '/explore?e=nothing',
  `/explore?e=purchase&f=${encodeURIComponent('{"any":["properties.country=PL",{"not":["properties.os=iOS","cohort:buyers=true"]}]}')}`,
  '/funnels?e=app_opened&e=item_viewed&e=purchase&by=properties.os',
  '/funnels',
  '/retention?i=day&n=14',
  '/sessions?by=properties.os',
  '/users?id=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E',
];

const sizes = { wide: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };
const schemes = ['light', 'dark'] as const;

// Every test logs in anew, and some end logins.
const untold = '/settings?tab=logins';

/** Looks at the page as it is. Of axe's rules only contrast depends on the scheme. */
async function look(page: Page, path: string, pictured: boolean): Promise<void> {
  for (const [size, viewport] of Object.entries(sizes)) {
    await page.setViewportSize(viewport);
    for (const colorScheme of schemes) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      const way = `${path}, ${size}, ${colorScheme}`;
      expect.soft(await violations(page, colorScheme === 'dark' ? ['color-contrast'] : undefined), way).toEqual([]);
      if (pictured && !path.includes('tab=')) await picture(page, path, size, colorScheme);
    }
    const beside = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect.soft(beside, `pixels beside the screen of ${path}, ${size}`).toBeLessThanOrEqual(0);
  }
}

interface Walk {
  /** The state of the pages, the folder of their transcripts. */
  state: string;
  username?: string;
  project?: string;
  paths?: string[];
  /** How long to wait on each page: for its answers unless told. */
  ready?: (page: Page, pending: () => number) => Promise<void>;
  /** What must be there on each page. */
  shows?: (page: Page, path: string) => Promise<void>;
  pictured?: boolean;
}

async function walk(page: Page, { state, username, project = 'Pictures', paths = pages, ready = settled, shows, pictured = false }: Walk) {
  await page.clock.setFixedTime(pictureDay);
  await withAxe(page);
  await logIn(page, username);
  const id = await projectId(page, project);
  const pending = pendingQuestions(page);
  await page.goto(`${origin()}/cohorts?project=${id}`);
  const board = paths === pages ? await boardId(page, id) : 0;
  for (const each of paths) {
    const path = each.replace(':first', String(board));
    await follow(page, `${path}${path.includes('?') ? '&' : '?'}project=${id}`);
    await ready(page, pending);
    await shows?.(page, path);
    await page.setViewportSize(sizes.wide);
    if (each !== untold) await transcript(page, state, each);
    if (!writing()) await look(page, path, pictured);
  }
}

test.beforeEach(({ page }) => standStill(page));
test.afterEach(({ page }) => page.unrouteAll({ behavior: 'ignoreErrors' })); // of questions that are asked every second

/** Answers questions of pages, but not those of the frame around them. */
const questions = /\/api\/(stats|projects|invitations|events\/rejected|auth\/sessions)\b/;

test('with answers @pictures', async ({ page, browser }) => {
  await walk(page, { state: 'answers', pictured: comparable(browser) });
});

// What CI looks at each time, with the first minute and a shared board.
test('the overview and Explore', { tag: '@short' }, async ({ page }) => {
  await walk(page, { state: 'answers', paths: ['/', variants[0]] });
});

test('with answers, in other views', async ({ page }) => {
  await walk(page, { state: 'answers', paths: variants });
});

test.describe('in a project without events', () => {
  test.use({ expected: /the server responded with a status of 404/ }); // there is no user 1007
  test('pages say so', async ({ page }) => {
    await walk(page, { state: 'empty', project: 'Empty' });
  });
});

test.describe('while answers are awaited', () => {
  test.use({ expected: /net::ERR_FAILED/ }); // in the end they are given up
  test('pages say so', async ({ page }) => {
    const held: Route[] = [];
    await page.route(questions, (route) => void held.push(route));
    const ready = async () => {
      await expect.poll(() => held.length).toBeGreaterThan(0);
    };
    await walk(page, { state: 'awaited', ready });
    await Promise.all(held.map((route) => route.abort()));
  });
});

test.describe('while the service is busy', () => {
  test.use({ expected: /Failed to load resource: the server responded with a status of 503/ });
  test('pages say so', async ({ page }) => {
    const body = JSON.stringify({ title: 'Service Unavailable', status: 503, detail: 'The warehouse is not ready.', instance: 'r-1' });
    const headers = { 'Content-Type': 'application/problem+json', 'Retry-After': '0.01' };
    await page.route(questions, (route) => route.fulfill({ status: 503, headers, body }));
    await walk(page, {
      state: 'busy',
      shows: async (page, path) => {
        if (!['/start', '/settings', '/settings?tab=import', '/invite'].includes(path)) await expect(page.getByRole('alert').first()).toContainText('not ready');
      },
    });
  });
});

test('while events are behind', async ({ page }) => {
  await page.route(/\/api\/stats\/(?!events\/stream)/, async (route) => {
    const response = await route.fetch().catch(() => undefined);
    if (!response) return; // the page asked for something else by now
    const answer = JSON.parse(still(await response.text())) as { meta?: { stale: boolean } };
    if (answer.meta) answer.meta.stale = true;
    await route.fulfill({ response, json: answer });
  });
  await walk(page, {
    state: 'behind',
    shows: async (page) => {
      if (await page.locator('.seal').count()) await expect(page.locator('.seal').first()).toContainText(/still being counted|are awaited/);
    },
  });
});

test('without the right to write', async ({ page }) => {
  await walk(page, { state: 'viewer', username: 'eve' });
});

test('login', async ({ page }) => {
  await withAxe(page);
  await page.goto(origin());
  await expect(page.getByRole('heading', { name: 'Log in' })).toBeVisible();
  await look(page, '/', false);
});
