// How long a chart takes from its answer's last byte until it is seen: two frames after
// it is in the document; and whether frames stay short while it is used. Times depend on the
// machine, so they are printed and not asserted.
import type { Locator, Page } from '@playwright/test';
import { expect, logIn, origin, projectId, test } from './browser';

interface Row {
  bucket: string;
  series: string;
  value: number;
  incomplete: boolean;
}

/** An answer with a peak in one bucket alone. */
function made(hours: number, series: number, peak: number): Row[] {
  const rows: Row[] = [];
  for (let hour = 0; hour < hours; hour++) {
    const bucket = new Date(Date.UTC(2025, 0, 1, hour)).toISOString().replace('.000Z', '+00:00');
    for (let k = 0; k < series; k++) {
      const value = hour === peak && k === 0 ? 1e6 : 500 + 100 * k + ((hour * 7919 + k * 104729) % 400);
      rows.push({ bucket, series: String.fromCharCode(65 + k), value, incomplete: false });
    }
  }
  return rows;
}

interface Cost {
  /** From the answer's last byte until the chart is seen. */
  milliseconds: number;
  /** Of them, those in which the page had a processor: what others run at that time is not in it. */
  busy: number;
}

async function cost(page: Page, project: number, hours: number, series: number, view = 'line'): Promise<Cost> {
  const client = await page.context().newCDPSession(page);
  await client.send('Performance.enable', { timeDomain: 'threadTicks' });
  const busy = async () => {
    const { metrics } = await client.send('Performance.getMetrics');
    return 1000 * metrics.find(({ name }) => name === 'TaskDuration')!.value;
  };
  let before = 0;
  await page.route(/\/api\/stats\/trends\?.*interval=hour/, async (route) => {
    const meta = { complete_until: new Date().toISOString(), stale: false, source: 'rollup' };
    const json = { data: made(hours, series, hours >> 1), meta, response_time_sec: 0.001 };
    before = await busy();
    await route.fulfill({ json });
  });
  const events = Array.from({ length: series }, (_, k) => `e=e${k}`).join('&');
  const to = new Date(Date.UTC(2025, 0, 1, hours - 1)).toISOString().slice(0, 10);
  await page.goto(`${origin()}/explore?${events}&i=hour&v=${view}&tz=UTC&from=2025-01-01&to=${to}&project=${project}`);
  const took = await page.waitForFunction(() => (window as unknown as { drawn?: number }).drawn);
  const after = await busy();
  await page.unroute(/\/api\/stats\/trends\?.*interval=hour/);
  await client.detach();
  return { milliseconds: (await took.jsonValue())!, busy: after - before };
}

const said = ({ milliseconds, busy }: Cost) => `${milliseconds.toFixed(0)} ms (${busy.toFixed(0)} of them busy)`;

test.beforeEach(({ page }) =>
  page.addInitScript(() => {
    const seen = new MutationObserver(() => {
      if (!document.querySelector('[role=application] svg path')) return;
      seen.disconnect();
      requestAnimationFrame(() =>
        requestAnimationFrame(() => {
          const answers = performance.getEntriesByType('resource') as PerformanceResourceTiming[];
          const end = Math.max(...answers.filter(({ name }) => /trends.*interval=hour/.test(name)).map((one) => one.responseEnd));
          (window as unknown as { drawn: number }).drawn = performance.now() - end;
        }),
      );
    });
    seen.observe(document, { childList: true, subtree: true });
  }),
);

test('2,160 hours of 8 series are drawn with two points in a column of pixels', async ({ page }) => {
  await logIn(page);
  const project = await projectId(page, 'Empty');
  await page.setViewportSize({ width: 1440, height: 900 });
  await cost(page, project, 72, 1); // loads the scripts
  const small = await cost(page, project, 72, 4);
  const large = await cost(page, project, 2160, 8);
  console.log(`drawn: 72 hours of 4 series in ${said(small)}, 2,160 of 8 in ${said(large)}`);

  // Where there are more hours than pixels, a line has the lowest and the highest of each
  // column, so that a peak of one hour is seen.
  await page.setViewportSize({ width: 390, height: 844 });
  const chart = page.getByRole('application');
  const { width } = (await chart.boundingBox())!;
  expect(width).toBeLessThan(390);
  const lines = () =>
    chart.evaluate((element) =>
      [...element.querySelectorAll('path')].map((path) => {
        const heights = [...path.getAttribute('d')!.matchAll(/[ML][\d.]+,([\d.-]+)/g)].map(([, y]) => Number(y));
        return { points: heights.length, top: Math.min(...heights) };
      }),
    );
  await expect.poll(async () => Math.max(...(await lines()).map(({ points }) => points))).toBeLessThanOrEqual(2 * width);
  expect(Math.min(...(await lines()).map(({ top }) => top))).toBeLessThan(40);
});

/** What must stay quick on a chart: pointing along it, reading it by keys, fading series. */
const interactions: [name: string, act: (page: Page, chart: Locator) => Promise<void>][] = [
  [
    'pointing at buckets',
    async (page, chart) => {
      const { x, y, width } = (await chart.boundingBox())!;
      for (let k = 1; k <= 40; k++) await page.mouse.move(x + (width * k) / 41, y + 100);
    },
  ],
  [
    'reading by keys',
    async (page, chart) => {
      await chart.focus();
      for (let k = 0; k < 20; k++) await page.keyboard.press('ArrowRight');
    },
  ],
  [
    'fading series',
    async (page) => {
      const rows = page.getByRole('region', { name: 'Series' }).locator('tbody tr');
      for (let k = 0; k < 8; k++) await rows.nth(k).hover();
    },
  ],
];

for (const view of ['line', 'bar']) {
  test(`2,160 hours of 8 series are not drawn again by pointing at them: ${view}`, async ({ page }) => {
    // Frames that took longer than 50 ms, as the browser counts them.
    await page.addInitScript(() => {
      const seen = window as unknown as { long: number[] };
      seen.long = [];
      new PerformanceObserver((list) => seen.long.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: 'long-animation-frame' });
    });
    await logIn(page);
    await page.setViewportSize({ width: 1440, height: 900 });
    await cost(page, await projectId(page, 'Empty'), 2160, 8, view);
    const chart = page.getByRole('application');
    // What the chart changes: attributes that make the browser draw thousands of points again.
    await chart.evaluate((element) => {
      const counted = window as unknown as { changed: number };
      counted.changed = 0;
      const long = (path: Element) => (path.getAttribute('d')?.length ?? 0) > 1000;
      const large = (node: Node) => node instanceof Element && (long(node) || [...node.querySelectorAll('path')].some(long));
      new MutationObserver((all) => {
        for (const { type, target, addedNodes } of all) counted.changed += Number(type === 'attributes' ? long(target as Element) : [...addedNodes].some(large));
      }).observe(element, { subtree: true, childList: true, attributeFilter: ['d', 'x', 'y', 'height', 'opacity'] });
    });
    expect(await chart.locator('svg *').count(), 'elements of the chart').toBeLessThan(200);
    for (const [name, act] of interactions) {
      await page.evaluate(() => ((window as unknown as { long: number[] }).long = []));
      await act(page, chart);
      const long = await page.evaluate(() => (window as unknown as { long: number[] }).long);
      console.log(`${view}, ${name}: ${long.length} frames over 50 ms${long.length ? `, the longest ${Math.max(...long).toFixed(0)} ms` : ''}`);
      expect(await page.evaluate(() => (window as unknown as { changed: number }).changed), name).toBe(0);
    }
  });
}
