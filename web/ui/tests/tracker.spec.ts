// The tracker in pages of another origin, through a network that fails.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test as base, type BrowserContext, type Page, type Route } from '@playwright/test';
import type { Tracker } from '../../tracker/src/index';
import { ask, register, send, upload, type Caller } from './client';
import { lossy, type Fault } from './lossy.js';

declare global {
  interface Window {
    tracker: Tracker;
  }
}

interface Site {
  /** Who asks, in a project of their own. */
  caller: Caller;
  /** Opens a page of the site, with these attributes of the script and a call before it is there. */
  visit(page: Page, path: string, attributes?: string, early?: [keyof Tracker, string]): Promise<void>;
  /** What the proxy does with the next requests; afterwards it lets all pass. */
  faults: Fault[];
  /** Bodies that the proxy got. */
  bodies: string[];
  origin: string;
}

interface Row {
  event_type: string;
  total_count: number;
  users: number;
}

const test = base.extend<{ site: Site }>({
  site: async ({}, use) => {
    const service = process.env.BASE!;
    const caller = await register(service, `site-${crypto.randomUUID()}`);
    const faults: Fault[] = [];
    const bodies: string[] = [];
    const proxy = await lossy(() => service, (path, body) => {
      if (path !== '/v1/batch') return '';
      bodies.push(body);
      return faults.shift() ?? '';
    });
    let html = '';
    const server = createServer((_, response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end(html));
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { project_id: id } = await send<{ project_id: number }>(caller, 'GET', '/api/auth/me');
    const { key } = await send<{ key: string }>(caller, 'POST', `/api/projects/${id}/keys`, { name: 'site', scope: 'browser', origins: [origin] });
    await use({
      caller,
      faults,
      bodies,
      origin,
      async visit(page, path, attributes = '', early = ['track', 'early']) {
        html = `<!doctype html><title>Site</title><link rel="icon" href="data:,"><script>window.tracker = [${JSON.stringify(early)}]</script>
          <script defer src="${proxy.url}/tracker.js" data-key="${key}" ${attributes}></script>`;
        await page.goto(origin + path);
      },
    });
    server.closeAllConnections();
    server.close();
    await proxy.close();
  },
});

/** Events by type, as [events, users], once all that was acknowledged is counted. */
async function counted({ caller }: Site): Promise<Record<string, [number, number]>> {
  const mark = { event_id: crypto.randomUUID(), occurred_at: new Date(), user_id: 'mark', event_type: 'mark' };
  await upload(caller, [mark]);
  const rows = await ask<Row>(caller, '/api/stats/top-events?from=2020-01-01&to=2030-01-01&include=users&limit=100');
  return Object.fromEntries(rows.filter((row) => row.event_type !== 'mark').map((row) => [row.event_type, [row.total_count, row.users]]));
}

const flush = (page: Page) => page.evaluate(() => window.tracker.flush());

/** The keys of what the page keeps, without the API key before them. */
const kept = (page: Page) =>
  page.evaluate(() => [localStorage, sessionStorage].map((storage) => Object.keys(storage).map((key) => key.split(':')[1])));

/** Who the visitor is: what an event that is recorded now says. */
async function visitor(page: Page, { bodies }: Site): Promise<{ anonymousId: string; userId?: string }> {
  await page.evaluate(() => window.tracker.track('seen'));
  await flush(page);
  const { anonymousId, userId } = JSON.parse(bodies.at(-1)!).batch.at(-1);
  return { anonymousId, userId };
}

const cookies = (context: BrowserContext) => context.cookies();

test('pages, events and users are counted, and nothing is kept', async ({ page, context, site }) => {
  await site.visit(page, '/start?secret=1&utm_source=letter');
  await page.evaluate(() => {
    history.replaceState({ scroll: 1 }, '', location.href); // what routers do: the same page
    history.pushState(null, '', '/list');
    history.pushState(null, '', '/list?page=2'); // still the list
    history.pushState(null, '', '/item');
    window.tracker.track('bought', { price: 12.5 });
  });
  await page.goBack();
  await page.goBack();
  await expect.poll(() => page.url()).toMatch(/\/list$/);
  await flush(page);
  expect(await counted(site)).toEqual({ $pageview: [4, 1], bought: [1, 1], early: [1, 1] });
  const values = async (property: string, type: string) => {
    const query = `property=${property}&series=${type}&from=2020-01-01&to=2030-01-01`;
    const rows = await ask<{ value: string | null; events: number }>(site.caller, `/api/stats/property-values?${query}`);
    return rows.filter(({ value }) => value !== null);
  };
  const paths = await values('properties.$path', '$pageview');
  expect(Object.fromEntries(paths.map(({ value, events }) => [value, events]))).toEqual({ '/start': 1, '/list': 2, '/item': 1 });
  expect((await values('properties.$url', 'bought')).map(({ value }) => value)).toEqual([`${site.origin}/item`]);
  const referrers = (await values('properties.$referrer', '$pageview')).map(({ value }) => value);
  expect(referrers.sort()).toEqual(['/item', '/list', '/start'].map((path) => site.origin + path));
  expect(await values('properties.utm_source', '$pageview')).toMatchObject([{ value: 'letter', events: 1 }]);
  expect(await kept(page)).toEqual([[], []]);
  expect(await cookies(context)).toEqual([]);
  expect(await page.evaluate(() => document.cookie)).toBe('');
});

test('identify makes the visitor the user, and is no event', async ({ page, site }) => {
  await site.visit(page, '/', 'data-remember="visitor"');
  await page.evaluate(() => {
    window.tracker.identify('ann', { plan: 'pro' });
    window.tracker.track('bought');
  });
  await flush(page);
  await site.visit(page, '/', 'data-remember="visitor"'); // she is remembered
  await page.evaluate(() => {
    window.tracker.track('bought');
    window.tracker.reset();
    window.tracker.track('left');
  });
  await flush(page);
  await site.visit(page, '/', '', ['identify', 'bob']); // the site no longer remembers, and knows him at once
  await flush(page);
  expect(await kept(page)).toEqual([[], []]);
  // She is the visitor that she was before; he came afterwards, and is another.
  expect(await counted(site)).toEqual({ $pageview: [3, 2], bought: [2, 1], early: [2, 1], left: [1, 1] });
  const rows = await ask<{ user_id: string; events: number }>(site.caller, '/api/stats/profiles?from=2020-01-01&to=2030-01-01');
  const events = Object.fromEntries(rows.map((row) => [row.user_id, row.events]));
  expect(events).toMatchObject({ ann: 6, bob: 1 }); // two of hers are the visitor’s
});

test('a visitor is remembered as long as the site says', async ({ context, site }) => {
  const ids = async (attributes: string) => {
    const found: string[] = [];
    for (const page of [await context.newPage(), await context.newPage()]) {
      for (const path of ['/a', '/b']) {
        await site.visit(page, path, attributes);
        await page.evaluate(() => window.tracker.track('seen'));
        await flush(page);
        found.push(JSON.parse(site.bodies.at(-1)!).batch.at(-1).anonymousId);
      }
      await page.close();
    }
    return found;
  };
  expect(new Set(await ids('')).size).toBe(4);
  const [a, b, c, d] = await ids('data-remember="session"');
  expect([a, c]).toEqual([b, d]);
  expect(a).not.toBe(c);
  expect(new Set(await ids('data-remember="visitor"')).size).toBe(1);
});

test('tabs and pages that come back know who logged in or out in another tab', async ({ context, site }) => {
  const [one, other] = [await context.newPage(), await context.newPage()];
  for (const page of [one, other]) await site.visit(page, '/', 'data-remember="visitor"');
  const before = await visitor(one, site);
  await other.evaluate(() => window.tracker.identify('ann'));
  await expect.poll(() => visitor(one, site)).toEqual({ ...before, userId: 'ann' });
  await other.evaluate(() => window.tracker.reset());
  await expect.poll(() => visitor(one, site)).toEqual(await visitor(other, site));
  const after = await visitor(one, site);
  expect(after.userId).toBeUndefined();
  expect(after.anonymousId).not.toBe(before.anonymousId);
  await other.evaluate(() => localStorage.clear());
  await expect.poll(async () => (await visitor(one, site)).anonymousId).not.toBe(after.anonymousId);
  expect(await kept(one)).toEqual([[], []]); // what was cleared stays so
  // A page in the browser's cache hears nothing of a storage, as the tab that writes to it.
  await one.evaluate(() => window.tracker.identify('bob'));
  const cached = await one.evaluate(() => {
    const item = Object.keys(localStorage).find((name) => name.endsWith(':visitor'))!;
    localStorage.setItem(item, JSON.stringify({ anonymousId: 'meanwhile' }));
    dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }));
    return window.tracker.flush();
  });
  expect(cached).toBeUndefined();
  expect(JSON.parse(site.bodies.at(-1)!).batch).toMatchObject([{ type: 'identify' }, { type: 'page', anonymousId: 'meanwhile' }]);
  expect(JSON.parse(site.bodies.at(-1)!).batch.at(-1).userId).toBeUndefined();
});

test('what a consent allowed is removed when it is taken back', async ({ page, site }) => {
  const visit = async (attributes: string) => {
    await site.visit(page, '/', attributes);
    await flush(page);
    return kept(page);
  };
  expect(await visit('data-remember="visitor"')).toEqual([['visitor'], []]);
  expect(await visit('data-remember="session"')).toEqual([[], ['visitor']]);
  expect(await visit('')).toEqual([[], []]);
  await visit('data-remember="session"');
  expect(await visit('data-remember="visitor"')).toEqual([['visitor'], []]);
  await page.evaluate(() => localStorage.setItem('other', 'of the site'));
  await page.route('**/v1/batch', (route) => route.abort());
  expect((await visit('data-remember="visitor"'))[0]).toHaveLength(4); // with two events
  await visit('data-remember="nothing"');
  expect(await page.evaluate(() => [Object.keys(localStorage), Object.keys(sessionStorage)])).toEqual([['other'], []]);
});

test('a page that has the script twice counts once', async ({ page, site }) => {
  await site.visit(page, '/');
  await page.evaluate(async () => {
    const { src, dataset } = document.querySelector<HTMLScriptElement>('script[src]')!;
    const again = Object.assign(document.createElement('script'), { src });
    again.dataset.key = dataset.key;
    await new Promise((loaded) => {
      again.onload = loaded;
      document.head.append(again);
    });
  });
  await flush(page);
  await page.evaluate(() => history.pushState(null, '', '/list'));
  await flush(page);
  expect(await counted(site)).toEqual({ $pageview: [2, 1], early: [1, 1] });
});

test('what was lost on the way is counted once', async ({ page, site }) => {
  await site.visit(page, '/');
  await flush(page);
  const before = site.bodies.length;
  site.faults.push('answer', 'request', 503, 'answer', 429);
  await page.evaluate(() => window.tracker.track('bought'));
  await expect.poll(() => site.bodies.length).toBeGreaterThan(before + 1); // automatically
  await expect(async () => {
    await flush(page); // without the pauses
    expect(await kept(page)).toEqual([[], []]);
  }).toPass({ intervals: [20] });
  expect(site.faults).toEqual([]);
  const ids = site.bodies.slice(before).map((body) => JSON.parse(body).batch[0].messageId);
  expect(new Set(ids).size).toBe(1);
  expect(await counted(site)).toEqual({ $pageview: [1, 1], bought: [1, 1], early: [1, 1] });
});

test('an answer that is not of the service confirms nothing', async ({ page, site }) => {
  await site.visit(page, '/');
  await flush(page);
  for (const body of ['<html>Log in</html>', '{"success":false}', 'null']) {
    await page.route('**/v1/batch', (route) => route.fulfill({ headers: { 'Access-Control-Allow-Origin': '*' }, body }), { times: 1 });
    await page.evaluate(() => window.tracker.track('bought'));
    await flush(page);
    expect((await kept(page))[0]).not.toEqual([]);
  }
  await flush(page);
  expect(await kept(page)).toEqual([[], []]);
  expect((await counted(site)).bought).toEqual([3, 1]);
});

test('the pause that the service asks for holds for events that are recorded meanwhile', async ({ page, site }) => {
  await page.clock.install();
  await site.visit(page, '/');
  await flush(page);
  const requests: Route[] = [];
  await page.route('**/v1/batch', (route) => void requests.push(route));
  const ended = page.evaluate(() => {
    window.tracker.track('one');
    return window.tracker.flush();
  });
  await expect.poll(() => requests.length).toBe(1);
  await page.evaluate(() => window.tracker.track('two'));
  const headers = { 'Access-Control-Allow-Origin': '*', 'Access-Control-Expose-Headers': 'Retry-After', 'Retry-After': '30' };
  await requests[0].fulfill({ status: 503, headers });
  await ended;
  await page.clock.runFor(31_000);
  await expect.poll(() => requests.length).toBe(2);
  const [first, second] = requests.map((route) => Date.parse(JSON.parse(route.request().postData()!).sentAt));
  expect(second - first).toBeGreaterThanOrEqual(30_000);
});

test('events of the time without a network are sent afterwards, also by the next page', async ({ page, context, site }) => {
  await site.visit(page, '/');
  await flush(page);
  await context.setOffline(true);
  await page.evaluate(() => window.tracker.track('offline'));
  await flush(page);
  expect((await kept(page))[0]).toHaveLength(1);
  await context.setOffline(false); // the event online
  await expect.poll(async () => (await kept(page))[0]).toEqual([]);
  await context.setOffline(true);
  await page.evaluate(() => window.tracker.track('offline', { n: 2 }));
  await flush(page);
  await page.close();
  await context.setOffline(false);
  const next = await context.newPage();
  await site.visit(next, '/next');
  await expect.poll(async () => (await kept(next))[0]).toEqual([]);
  expect(await counted(site)).toEqual({ $pageview: [2, 2], offline: [2, 1], early: [2, 2] });
});

test('a tab that is closed sends a beacon, once and with the same id as later requests', async ({ context, site }) => {
  const page = await context.newPage();
  await site.visit(page, '/');
  await flush(page);
  const before = site.bodies.length;
  await page.evaluate(() => window.tracker.track('closing'));
  await page.close({ runBeforeUnload: true });
  await expect.poll(() => site.bodies.length).toBe(before + 1);
  await expect.poll(async () => (await counted(site)).closing).toEqual([1, 1]);
  const next = await context.newPage();
  await site.visit(next, '/'); // sends it again: no answer said that it arrived
  await expect.poll(async () => (await kept(next))[0]).toEqual([]);
  expect(site.bodies.slice(before + 1).join()).toContain('"closing"');
  expect((await counted(site)).closing).toEqual([1, 1]);
});

test('without a storage the beacon is all there is', async ({ context, site }) => {
  const page = await context.newPage();
  await site.visit(page, '/', 'data-remember="nothing"');
  await page.evaluate(() => window.tracker.track('closing'));
  expect(await kept(page)).toEqual([[], []]);
  await page.close({ runBeforeUnload: true });
  await expect.poll(async () => (await counted(site)).closing).toEqual([1, 1]);
});

test('what the service refuses is told, and not sent again', async ({ page, site }) => {
  const said: string[] = [];
  page.on('console', (message) => message.type() === 'warning' && said.push(message.text()));
  site.faults.push(401);
  await site.visit(page, '/');
  await flush(page);
  expect(said.join()).toContain('tracker: dropped 401');
  expect(await kept(page)).toEqual([[], []]);
  expect(await counted(site)).toEqual({});
});

test('Do Not Track is respected where the site says so', async ({ page, context, site }) => {
  await page.addInitScript(() => Object.defineProperty(navigator, 'doNotTrack', { value: '1' }));
  await site.visit(page, '/', 'data-dnt data-remember="visitor"');
  await page.evaluate(() => {
    window.tracker.track('bought');
    history.pushState(null, '', '/list');
  });
  await flush(page);
  expect(site.bodies).toEqual([]);
  expect(await kept(page)).toEqual([[], []]);
  expect(await cookies(context)).toEqual([]);
  await site.visit(page, '/');
  await flush(page);
  expect(await counted(site)).toEqual({ $pageview: [1, 1], early: [1, 1] });
});

test('a key is for the pages of its origins', async ({ page, site }) => {
  const said: string[] = [];
  page.on('console', (message) => message.type() === 'warning' && said.push(message.text()));
  await site.visit(page, '/');
  const other = site.origin.replace('127.0.0.1', 'localhost');
  await page.goto(`${other}/`);
  await flush(page);
  expect(said.join()).toContain('the key is not for pages of this origin');
});

test('parts of an address after # are pages of their own where the site says so', async ({ page, site }) => {
  await site.visit(page, '/#/one', 'data-hash');
  await page.evaluate(() => (location.hash = '#/two'));
  await page.evaluate(() => window.tracker.page({ name: 'by hand' }));
  await flush(page);
  expect((await counted(site)).$pageview).toEqual([3, 1]);
  await site.visit(page, '/', 'data-pages="off"');
  await flush(page);
  expect((await counted(site)).$pageview).toEqual([3, 1]);
});
