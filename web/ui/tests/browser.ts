// Pages with a login, and what no page may do.
import { test as base, expect, type Page, type Request } from '@playwright/test';
import axe from 'axe-core';
import { password } from './client';

export const origin = () => process.env.BASE!;

export async function logIn(page: Page, username = 'ann'): Promise<void> {
  const data = { username, password };
  const response = await page.request.post(`${origin()}/api/auth/session`, { data, headers: { Origin: origin() } });
  expect(response.status(), await response.text()).toBe(204);
}

/** The id of a project by its name. */
export async function projectId(page: Page, name: string): Promise<number> {
  const response = await page.request.get(`${origin()}/api/auth/session`);
  const { projects } = (await response.json()) as { projects: { id: number; name: string }[] };
  return projects.find((project) => project.name === name)!.id;
}

/** The id of a project's first board. */
export async function boardId(page: Page, project: number): Promise<number> {
  const response = await page.request.get(`${origin()}/api/projects/${project}/boards`);
  return ((await response.json()) as { data: { id: number }[] }).data[0].id;
}

/** Opens a page and waits for its answers. */
export async function open(page: Page, path: string): Promise<void> {
  await page.goto(origin() + path);
  await expect(page.locator('main h1')).toBeVisible();
  await expect(page.locator('.skeleton')).toHaveCount(0);
}

/** Follows a link of the dashboard, which loads no new document. */
export async function follow(page: Page, path: string): Promise<void> {
  await page.evaluate((to) => {
    history.pushState(null, '', to);
    dispatchEvent(new PopStateEvent('popstate'));
  }, path);
  await expect(page.locator('main h1')).toBeVisible();
}

/** Counts the questions that are not answered yet; the stream of events never is. */
export function pendingQuestions(page: Page): () => number {
  const pending = new Set<Request>();
  page.on('request', (request) => {
    if (/\/api\/(?!stats\/events\/stream)/.test(request.url())) pending.add(request);
  });
  page.on('requestfinished', (request) => pending.delete(request));
  page.on('requestfailed', (request) => pending.delete(request));
  return () => pending.size;
}

/** Returns after two frames without a question that is not answered. */
export async function settled(page: Page, pending: () => number): Promise<void> {
  const frames = () => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  await frames();
  await expect(async () => {
    expect(pending()).toBe(0);
    await frames();
    expect(pending()).toBe(0);
  }).toPass({ intervals: [20] });
}

const wcag = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

/** Has axe in every document that the page loads. */
export async function withAxe(page: Page): Promise<void> {
  await page.addInitScript(axe.source);
}

/** What is against WCAG 2.2 AA, as "rule: element"; with a list, by those rules alone. */
export function violations(page: Page, rules?: string[]): Promise<string[]> {
  return page.evaluate(
    async ([tags, only]) => {
      const runOnly = only ? { type: 'rule' as const, values: only } : { type: 'tag' as const, values: tags };
      const options = { runOnly, resultTypes: ['violations' as const], preload: false, iframes: false };
      const found = await (window as unknown as { axe: typeof axe }).axe.run(document, options);
      return found.violations.flatMap(({ id, nodes }) => nodes.slice(0, 2).map(({ html }) => `${id}: ${html.slice(0, 200)}`));
    },
    [wcag, rules] as const,
  );
}

interface Quiet {
  /** What the browser says of answers that a test makes, and that no page can keep it from saying. */
  expected: RegExp | undefined;
  quiet: void;
}

/** Tests whose pages say nothing in the console and ask nobody else. */
export const test = base.extend<Quiet>({
  expected: [undefined, { option: true }],
  quiet: [
    async ({ page, expected }, use) => {
      const said: string[] = [];
      page.on('console', (message) => {
        if (['error', 'warning'].includes(message.type()) && !expected?.test(message.text())) said.push(message.text());
      });
      page.on('pageerror', (error) => said.push(error.message));
      page.on('request', (request) => {
        if (!request.url().startsWith(origin()) && !request.url().startsWith('blob:')) said.push(`asked ${request.url()}`);
      });
      await use();
      expect(said).toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };
