import { ask, logIn as logInForAPI, password, register, send } from './client';
import { expect, follow, logIn, open, origin, projectId, test } from './browser';
import { clockDays, hostileText, pictureDay, sample } from './sample';

test('back and forward restore everything', async ({ page }) => {
  await logIn(page);
  await open(page, '/explore?e=purchase');
  await page.getByRole('button', { name: 'Bars' }).click();
  await page.getByLabel('Compare with').selectOption('previous');
  await page.getByRole('button', { name: 'Week', exact: true }).click();
  expect(new URL(page.url()).search).toBe('?e=purchase&v=bar&cmp=previous&i=week');
  await page.goBack();
  await page.goBack();
  await expect(page.getByRole('button', { name: 'Bars' })).toHaveAttribute('aria-pressed', 'true');
  await expect(page.getByLabel('Compare with')).toHaveValue('');
  await page.goForward();
  await expect(page.getByLabel('Compare with')).toHaveValue('previous');
  await page.reload();
  await expect(page.getByLabel('Compare with')).toHaveValue('previous');
});

test('by keyboard alone: a page, an event typed at once, a chart read', async ({ page }) => {
  await logIn(page);
  await open(page, '/');
  await page.keyboard.press('g');
  await page.keyboard.press('e');
  await expect(page.getByRole('heading', { name: 'Explore' })).toBeVisible();
  await page.getByRole('button', { name: /^Event:/ }).focus();
  await page.keyboard.press('Enter');
  await page.keyboard.type('purch');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/e=purchase/);
  const chart = page.getByRole('application');
  await expect(chart).toHaveAccessibleName(/purchase/);
  await chart.focus();
  await page.keyboard.press('End');
  await expect(chart.locator('[aria-live]')).toHaveText(/so far: purchase \d/);
  await page.keyboard.press('?');
  await expect(page.getByRole('heading', { name: 'Keys' })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('heading', { name: 'Keys' })).toBeHidden();
});

test('without a clipboard, as on plain HTTP, the link is there to be copied by hand', async ({ page }) => {
  await page.addInitScript(() => Object.defineProperty(navigator, 'clipboard', { value: undefined }));
  await logIn(page);
  await open(page, '/explore?e=purchase');
  await page.getByRole('button', { name: 'Copy a link to this view' }).click();
  await page.getByRole('button', { name: /^Copy link the range/ }).click();
  await expect(page.getByLabel(/^Pages may copy/)).toHaveValue(/^http.*e=purchase/);
});

test('values are text, whatever is in them', async ({ page }) => {
  await logIn(page);
  await open(page, `/users?id=${encodeURIComponent(hostileText)}`);
  await expect(page.getByRole('heading', { name: `User ${hostileText}` })).toBeVisible();
  await expect(page.locator('dd', { hasText: hostileText }).first()).toBeVisible();
  await open(page, `/explore?e=${encodeURIComponent(hostileText)}`);
  await page.getByRole('button', { name: 'Add filter' }).click();
  await page.getByRole('button', { name: /^Property:/ }).click();
  await page.getByRole('option', { name: 'a,b|c text' }).click();
  await page.getByRole('button', { name: /^Value:/ }).click();
  await page.keyboard.type('"quoted" & (more)');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(page.getByRole('region', { name: 'Series' }).locator('tbody b')).toHaveText('1');
  expect(await page.locator('main img').count()).toBe(0);
});

test('a logout in one tab is one in all; the address stays', async ({ page, context }) => {
  await logIn(page);
  await open(page, '/retention?i=month');
  const other = await context.newPage();
  await open(other, '/users');
  await other.getByRole('button', { name: 'Log out' }).click();
  await expect(page.getByRole('heading', { name: 'Log in' })).toBeVisible();
  await page.getByLabel('User name').fill('ann');
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Log in' }).click();
  await expect(page.getByRole('heading', { name: 'Retention' })).toBeVisible();
  expect(new URL(page.url()).search).toBe('?i=month');
});

test('figures are the API’s', async ({ page }) => {
  await logIn(page);
  const ann = await logInForAPI(origin(), 'ann');
  const calendar = new Intl.DateTimeFormat('en-CA', { timeZone: 'Europe/Warsaw' });
  const day = (ago: number) => calendar.format(Date.now() - ago * 864e5);
  const range = `from=${day(29)}&to=${day(0)}&timezone=Europe/Warsaw`;
  const question = `/api/stats/trends?${range}&interval=all&series=purchase&measure=sum(properties.price)`;
  const [revenue] = await ask<{ value: number }>(ann, question);
  const fixed = `from=${day(29)}&to=${day(0)}`;
  await open(page, `/explore?e=purchase&m=sum:properties.price&${fixed}`);
  const shown = page.getByRole('region', { name: 'Series' }).locator('tbody b');
  await expect(shown).toHaveText(revenue.value.toLocaleString('en-GB', { maximumFractionDigits: 2 }));

  const steps = await ask<{ users: number }>(ann, `/api/stats/funnels?${range}&steps=app_opened&steps=purchase`);
  await open(page, `/funnels?e=app_opened&e=purchase&${fixed}`);
  for (const [k, { users }] of steps.entries()) {
    await expect(page.locator('ol .label .num').nth(k)).toHaveText(users.toLocaleString('en-GB'));
  }
});

test('the first visit costs at most 80 kB of scripts', async ({ page }) => {
  await logIn(page);
  const client = await page.context().newCDPSession(page);
  await client.send('Network.enable');
  const kinds = new Map<string, string>();
  let bytes = 0;
  client.on('Network.responseReceived', ({ requestId, type }) => kinds.set(requestId, type));
  client.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    if (kinds.get(requestId) === 'Script') bytes += encodedDataLength;
  });
  await open(page, '/');
  expect(bytes).toBeGreaterThan(20_000);
  expect(bytes).toBeLessThanOrEqual(80 * 1024);
});

test('figures are the sample’s, counted one by one', async ({ page }) => {
  await logIn(page);
  const project = await projectId(page, 'Pictures');
  const from = '2025-03-04';
  const to = '2025-04-02';
  const calendar = new Intl.DateTimeFormat('en-CA', { timeZone: 'Europe/Warsaw' });
  const bought = sample(pictureDay).filter(({ event_type, occurred_at }) => {
    const day = calendar.format(Date.parse(occurred_at));
    return event_type === 'purchase' && day >= from && day <= to;
  });
  const cents = bought.reduce((sum, { properties }) => sum + Math.round(100 * (properties.price as number)), 0);
  const expected = { events: bought.length, users: new Set(bought.map((event) => event.user_id)).size, 'sum:properties.price': cents / 100 };
  for (const [measure, figure] of Object.entries(expected)) {
    await open(page, `/explore?e=purchase&m=${measure}&from=${from}&to=${to}&tz=Europe/Warsaw&project=${project}`);
    const shown = page.getByRole('region', { name: 'Series' }).locator('tbody b');
    await expect(shown, measure).toHaveText(figure.toLocaleString('en-GB', { maximumFractionDigits: 2 }));
  }
});

test('days of other lengths have their hours, each with its events', async ({ page }) => {
  await logIn(page);
  const project = await projectId(page, 'Clocks');
  for (const { zone, day, hours } of clockDays) {
    await open(page, `/explore?e=tick&i=hour&v=table&from=${day}&to=${day}&tz=${zone}&project=${project}`);
    const values = page.getByRole('region', { name: 'Values by hour' }).locator('tbody td.num');
    await expect(values, `${day} in ${zone}`).toHaveText(Array<string>(hours).fill('4'));
  }
});

test('filters in groups: built, kept in the address, and answered as the API does', async ({ page }) => {
  await logIn(page);
  const project = await projectId(page, 'Pictures');
  const range = 'from=2025-03-01&to=2025-04-01';
  await open(page, `/explore?e=purchase&m=users&v=number&${range}&project=${project}`);
  async function add(property: string, value: string) {
    await page.getByRole('button', { name: /^Property:/ }).click();
    await page.getByRole('option', { name: property, exact: true }).click();
    await page.getByRole('button', { name: /^Value:/ }).click();
    await page.keyboard.type(value);
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
  }
  await page.getByRole('button', { name: 'Add group' }).click();
  await add('country text', 'PL');
  const outer = page.getByRole('group', { name: 'Group of filters' }).first();
  await outer.getByRole('button', { name: 'Add group' }).click();
  const inner = outer.getByRole('group', { name: 'Group of filters' });
  await inner.getByLabel('How many of the group must hold').selectOption('none of');
  await add('os text', 'iOS');
  await inner.getByRole('button', { name: 'Add filter' }).click();
  await add('os text', 'Web');
  const filter = '{"any":["properties.country=PL",{"not":{"any":["properties.os=iOS","properties.os=Web"]}}]}';
  expect(new URL(page.url()).searchParams.getAll('f')).toEqual([filter]);

  const ann = { ...(await logInForAPI(origin(), 'ann')), project };
  const question = `/api/stats/trends?${range}&timezone=Europe/Warsaw&interval=all&series=purchase&measure=users`;
  const [{ value }] = await ask<{ value: number }>(ann, `${question}&filter=${encodeURIComponent(filter)}`);
  const [{ value: all }] = await ask<{ value: number }>(ann, question);
  expect(value).toBeLessThan(all);
  const figure = page.getByRole('region', { name: 'Answer' });
  await expect(figure).toContainText(value.toLocaleString('en-GB'));
  await page.reload();
  await expect(page.getByRole('group', { name: 'Group of filters' })).toHaveCount(2);
  await expect(figure).toContainText(value.toLocaleString('en-GB'));
  await inner.getByRole('button', { name: 'Remove the group' }).click();
  expect(new URL(page.url()).searchParams.getAll('f')).toEqual(['{"any":["properties.country=PL"]}']);
});

test('a link to another’s project shows none instead', async ({ page }) => {
  await logIn(page);
  const project = await projectId(page, 'Clocks');
  await page.context().clearCookies();
  await logIn(page, 'eve');
  await page.goto(`${origin()}/explore?project=${project}`);
  await expect(page.getByRole('heading', { name: 'You cannot see this project' })).toBeVisible();
  await page.getByRole('link', { name: /^Open / }).click();
  await expect(page.getByRole('heading', { name: 'Explore' })).toBeVisible();
});

test('members: a role is changed, an invitation withdrawn, the project handed over once its name is typed', async ({ page }) => {
  const kim = await register(origin(), 'kim');
  const lee = await register(origin(), 'lee');
  await register(origin(), 'mia');
  const { id: project } = await send<{ id: number }>(kim, 'POST', '/api/projects', { name: 'Shop' });
  for (const username of ['lee', 'mia']) await send(kim, 'POST', `/api/projects/${project}/members`, { username, role: 'viewer' });
  await send(lee, 'POST', `/api/invitations/${project}/accept`);
  const members = async () => {
    const all = await ask<{ username: string; role: string }>(kim, `/api/projects/${project}/members`);
    return Object.fromEntries(all.map(({ username, role }) => [username, role]));
  };
  await logIn(page, 'kim');
  await open(page, `/settings?tab=members&project=${project}`);
  await page.getByLabel('Role of lee').selectOption('editor');
  await expect.poll(members).toEqual({ kim: 'owner', lee: 'editor' });
  await page.getByRole('button', { name: 'Withdraw the invitation of mia' }).click();
  await expect(page.getByText('invited by kim')).toBeHidden();
  expect(await ask(kim, `/api/projects/${project}/invitations`)).toEqual([]);

  await open(page, `/settings?tab=danger&project=${project}`);
  await page.getByLabel('New owner').selectOption('lee');
  await page.getByRole('button', { name: 'Hand over' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Type Shop').fill('shop');
  await expect(dialog.getByRole('button', { name: 'Hand over' })).toBeDisabled();
  await dialog.getByLabel('Type Shop').fill('Shop');
  // Another project meanwhile: what was asked about stays.
  await follow(page, '/settings?tab=danger');
  await dialog.getByRole('button', { name: 'Hand over' }).click();
  await expect(page.getByRole('button', { name: 'Hand over' })).toHaveCount(0);
  expect(await members()).toEqual({ kim: 'editor', lee: 'owner' });
});

test('a dialog closes when another project is shown: it asked about the one before', async ({ page }) => {
  await page.clock.setFixedTime(pictureDay);
  await logIn(page);
  const one = await projectId(page, 'Pictures');
  const other = await projectId(page, 'Clocks');
  const asked: string[] = [];
  page.on('request', (request) => request.method() === 'POST' && asked.push(request.url()));
  const dialogs = [
    ['/explore?e=purchase', 'Save to board'],
    ['/explore?e=purchase', 'Add a note'],
    ['/boards', 'New board'],
    ['/users?f=properties.os%3DiOS', 'Save as cohort'],
  ];
  for (const [path, button] of dialogs) {
    const at = (project: number) => `${path}${path.includes('?') ? '&' : '?'}project=${project}`;
    await open(page, at(one));
    await page.getByRole('button', { name: button }).click();
    await expect(page.getByRole('dialog'), button).toBeVisible();
    await follow(page, at(other));
    await expect(page.getByRole('dialog'), button).toBeHidden();
  }
  expect(asked).toEqual([]);
});

test('all logins end once the name is typed', async ({ page }) => {
  await register(origin(), 'ida');
  await logIn(page, 'ida');
  await open(page, '/settings?tab=danger');
  await page.getByRole('button', { name: 'End all logins' }).click();
  const dialog = page.getByRole('dialog');
  const button = dialog.getByRole('button', { name: 'End all logins' });
  await dialog.getByLabel('Type ida').fill('id');
  await expect(button).toBeDisabled();
  await dialog.getByLabel('Type ida').fill('ida');
  await button.click();
  await expect(page.getByRole('heading', { name: 'Log in' })).toBeVisible();
});

test('on a phone every page is two touches away', async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await logIn(page);
  await open(page, '/');
  await page.getByRole('button', { name: 'More' }).click();
  await page.getByRole('link', { name: 'Funnels' }).click();
  await expect(page.getByRole('heading', { name: 'Funnels' })).toBeVisible();
  await page.getByRole('navigation', { name: 'Main pages' }).getByRole('link', { name: 'Explore' }).click();
  await page.getByRole('button', { name: /^Event:/ }).click();
  await page.getByRole('option', { name: 'purchase' }).click();
  await expect(page).toHaveURL(/e=purchase/);
  await expect(page.getByRole('application')).toHaveAccessibleName(/purchase/);
});
