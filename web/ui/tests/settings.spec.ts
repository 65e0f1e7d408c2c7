// Settings: refused events, usage, links that invite, keys of web pages; for each role.
import { expect, logIn, open, origin, projectId, test, violations, withAxe } from './browser';
import { ask, logIn as logInForAPI, password, refuse, register, send, type Caller } from './client';
import { hostileText } from './sample';

interface Project {
  caller: Caller;
  id: number;
}

/** A user with a project of their own. */
async function owner(username: string): Promise<Project> {
  const caller = await register(origin(), username);
  const { id } = await send<{ id: number }>(caller, 'POST', '/api/projects', { name: `${username}’s shop` });
  return { caller, id };
}

async function join({ caller, id }: Project, username: string, role: string): Promise<void> {
  const member = await register(origin(), username);
  await send(caller, 'POST', `/api/projects/${id}/members`, { username, role });
  await send(member, 'POST', `/api/invitations/${id}/accept`);
}

test('refused events are listed with what was sent, and tried again by those who may', async ({ page, browser }) => {
  const shop = await owner('ola');
  await join(shop, 'oli', 'viewer');
  const project = { ...shop.caller, project: shop.id };
  await refuse(project, Array.from({ length: 103 }, (_, n) => ({ event: `nobody ${n}` })));
  await refuse(project, [{ event: hostileText }]);

  await withAxe(page);
  await logIn(page, 'ola');
  const path = `/settings?tab=refused&project=${shop.id}`;
  await open(page, path);
  const rows = page.getByRole('region', { name: 'Refused events' }).locator('tbody tr');
  await expect(rows).toHaveCount(100);
  await expect(rows.first()).toContainText('segment');
  await rows.first().getByRole('button', { name: /^no-user/ }).click();
  await expect(page.getByLabel('The event as it was sent', { exact: true })).toHaveText(JSON.stringify({ type: 'track', event: hostileText }));
  expect(await violations(page)).toEqual([]);
  await rows.first().getByRole('button', { name: /^no-user/ }).click();
  await page.getByRole('button', { name: 'Older ones' }).click();
  await expect(rows).toHaveCount(104);
  await expect(page.getByRole('button', { name: 'Older ones' })).toHaveCount(0);
  await page.getByRole('button', { name: 'Try them again' }).click();
  await expect(page.getByRole('status')).toContainText('0 events stored now, 0 had been stored since, 104 still break a rule.');
  // Nothing arrived before today.
  await open(page, `${path}&r=yesterday`);
  await expect(page.getByText('Nothing was refused yesterday.')).toBeVisible();

  const context = await browser.newContext();
  const viewer = await context.newPage();
  await logIn(viewer, 'oli');
  await open(viewer, path);
  await expect(viewer.getByRole('region', { name: 'Refused events' }).locator('tbody tr')).toHaveCount(100);
  await expect(viewer.getByRole('button', { name: 'Try them again' })).toHaveCount(0);
  await context.close();
});

test('usage is what the API says, in all and by month', async ({ page }) => {
  await logIn(page);
  const project = await projectId(page, 'Pictures');
  const ann = { ...(await logInForAPI(origin(), 'ann')), project };
  const usage = await send<{ events: number; users: number; event_types: number }>(ann, 'GET', '/api/stats/usage');
  await open(page, `/settings?tab=usage&project=${project}`);
  const said = async (name: string) => (await page.locator('dl div', { hasText: name }).first().locator('dd').innerText()).replaceAll(',', '');
  expect([await said('Events'), await said('Users'), await said('Event types')]).toEqual([usage.events, usage.users, usage.event_types].map(String));
  // The sample ends in April 2025, more than a year ago for the clock that is not stopped.
  await page.clock.setFixedTime(new Date('2025-04-02T10:00:00Z'));
  await open(page, `/settings?tab=usage&project=${project}`);
  const months = await ask<{ value: number }>(ann, '/api/stats/trends?from=2024-05-01&to=2025-04-02&series=*&measure=events&interval=month&fill=zero&timezone=Europe/Warsaw');
  const chart = page.getByRole('application', { name: 'Events by month' });
  await chart.focus();
  await page.keyboard.press('End');
  await page.keyboard.press('ArrowLeft');
  await expect(chart.locator('[aria-live]')).toHaveText(`Mar 2025: Events ${months.at(-2)!.value.toLocaleString('en-GB')}`);
});

test('an owner has the events published as a table, and not any more', async ({ page, browser }) => {
  const shop = await owner('pia');
  await join(shop, 'pit', 'editor');
  const path = `/settings?project=${shop.id}`;
  const published = async () => {
    const projects = await ask<{ id: number; lake: boolean; timezone: string }>(shop.caller, '/api/projects');
    return projects.find(({ id }) => id === shop.id);
  };
  await logIn(page, 'pia');
  for (const wanted of [true, false]) {
    await open(page, path);
    const table = page.getByRole('checkbox', { name: 'Publish its events as an Iceberg table' });
    await expect(table).toBeChecked({ checked: !wanted });
    await table.setChecked(wanted);
    await page.getByRole('button', { name: 'Save' }).click();
    await expect(page.getByRole('status')).toHaveText('Saved');
    expect(await published()).toMatchObject({ lake: wanted, timezone: 'UTC' });
  }

  const context = await browser.newContext();
  const editor = await context.newPage();
  await logIn(editor, 'pit');
  await open(editor, path);
  await expect(editor.getByRole('checkbox', { name: 'Publish its events as an Iceberg table' })).toBeDisabled();
  await context.close();
});

test('a link makes members: with a new account, with one that there is, and never twice', async ({ page, browser }) => {
  const shop = await owner('iva');
  await register(origin(), 'ivo');
  await logIn(page, 'iva');
  await open(page, `/settings?tab=members&project=${shop.id}`);
  const links: string[] = [];
  const make = async (role: string) => {
    await page.getByLabel('Role of whoever joins').selectOption(role);
    await page.getByRole('button', { name: 'Make a link' }).click();
    await expect(page.locator('code')).not.toHaveText(links.at(-1) ?? '');
    links.push(await page.locator('code').innerText());
    expect(links.at(-1)).toMatch(/\/invite#ei_[a-z2-7]{52}$/);
  };
  for (const role of ['editor', 'viewer', 'viewer']) await make(role);
  const listed = page.getByRole('region', { name: 'Open links' }).locator('tbody tr');
  await expect(listed).toHaveCount(3);
  await listed.last().getByRole('button', { name: /^Revoke/ }).click();
  await expect(listed).toHaveCount(2);

  const context = await browser.newContext();
  const guest = await context.newPage();
  await withAxe(guest);
  await guest.goto(links[0]);
  await expect(guest.getByText('You are invited to a project')).toBeVisible();
  expect(await violations(guest)).toEqual([]);
  await guest.getByLabel('User name').fill('ian');
  await guest.getByLabel('Password', { exact: true }).fill(password);
  await guest.getByRole('button', { name: 'Create account' }).click();
  // The project has no event yet, so it begins with sending one.
  await expect(guest.getByRole('heading', { name: 'Send your first event' })).toBeVisible();
  await expect(guest).toHaveURL(new RegExp(`project=${shop.id}`));
  await expect(guest.getByText('Only owners make keys.')).toBeVisible();

  await guest.context().clearCookies();
  await logIn(guest, 'ivo');
  await guest.goto(links[1]);
  await guest.getByRole('button', { name: 'Join the project' }).click();
  await expect(guest).toHaveURL(new RegExp(`project=${shop.id}`));
  const members = await ask<{ username: string; role: string }>(shop.caller, `/api/projects/${shop.id}/members`);
  expect(Object.fromEntries(members.map(({ username, role }) => [username, role]))).toEqual({ iva: 'owner', ian: 'editor', ivo: 'viewer' });
  await context.close();
  expect(await ask(shop.caller, `/api/projects/${shop.id}/invites`)).toEqual([]);
});

test.describe('refusals', () => {
  test.use({ expected: /^Failed to load resource/ });

  test('a link that was revoked invites nobody', async ({ page }) => {
    const shop = await owner('iga');
    await register(origin(), 'igo');
    const { id, secret } = await send<{ id: number; secret: string }>(shop.caller, 'POST', `/api/projects/${shop.id}/invites`, { role: 'viewer' });
    await logIn(page, 'igo');
    await page.goto(`${origin()}/invite#${secret}`);
    await send(shop.caller, 'DELETE', `/api/projects/${shop.id}/invites/${id}`);
    await page.getByRole('button', { name: 'Join the project' }).click();
    await expect(page.getByRole('heading', { name: 'This link invites nobody any more' })).toBeVisible();
  });

  test('a key for web pages has its origins, and says which field is wrong', async ({ page, browser }) => {
    const shop = await owner('kai');
    await join(shop, 'kes', 'editor');
    await logIn(page, 'kai');
    const path = `/settings?tab=keys&project=${shop.id}`;
    await open(page, path);
    await page.getByLabel('Name of the key').fill('Shop window');
    await page.getByLabel('Scope').selectOption('browser');
    const origins = page.getByLabel('Origins of the pages');
    await origins.fill('shop.example');
    await page.getByRole('button', { name: 'Make key' }).click();
    await expect(page.getByRole('alert')).toContainText('origins: must be origins such as https://shop.example');
    await expect(origins).toHaveAttribute('aria-invalid', 'true');
    await expect(page.getByLabel('Name of the key')).toHaveAttribute('aria-invalid', 'false');
    await origins.fill('https://shop.example\nhttps://pay.example:8443');
    await page.getByRole('button', { name: 'Make key' }).click();
    await expect(page.locator('code')).toHaveText(/^ea_/);
    await expect(page.getByRole('row', { name: /^Shop window/ })).toContainText('browser https://shop.example, https://pay.example:8443');
    const [key] = await ask<{ scope: string; origins: string[] }>(shop.caller, `/api/projects/${shop.id}/keys`);
    expect(key).toMatchObject({ scope: 'browser', origins: ['https://shop.example', 'https://pay.example:8443'] });

    const context = await browser.newContext();
    const editor = await context.newPage();
    await logIn(editor, 'kes');
    await open(editor, path);
    await expect(editor.getByText('Owners see keys and make them; you are editor here.')).toBeVisible();
    await expect(editor.getByRole('button', { name: /Make key|Revoke/ })).toHaveCount(0);
    await context.close();
  });
});
