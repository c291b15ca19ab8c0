/** What a person does with the page: by mouse, by keyboard, while the plugin comes and goes. */
import { expect, it } from 'vitest';
import { servePage } from '../support/pages/page-server.ts';
import { pageSite } from '../support/pages/page-site.ts';
import { namesOf, visits, type Visit } from './rig.ts';

const { visit } = visits();

const search = ({ page }: Visit) => page.getByRole('searchbox');
const row = ({ page }: Visit, name: string) => page.getByRole('button', { name, exact: true });
const focused = ({ page }: Visit) => page.evaluate(() => document.activeElement?.textContent);

it('rows are sorted by name; what is lost comes first, and held leases come last', async () => {
  const seen = await visit();
  const names = await namesOf(seen.page);
  expect(names).toHaveLength(60);
  expect(names.slice(0, 4)).toEqual(['radius-2', 'radius-5', 'api-1', 'api-2']);
  expect(names.slice(-2)).toEqual(['mail-3', 'mail-6']);
  await seen.page.getByRole('columnheader', { name: 'Address' }).getByRole('button').click();
  const byAddress = await namesOf(seen.page);
  expect(byAddress.slice(0, 4)).toEqual(['radius-2', 'radius-5', 'asterisk-1', 'mail-1']);
  const heading = seen.page.getByRole('columnheader', { name: 'Address' });
  expect(await heading.getAttribute('aria-sort')).toBe('ascending');
  await seen.end();
});

it.each([
  ['a name', 'asterisk-3', ['asterisk-3']],
  ['an address', '10.50.0.23', ['mail-1']],
  ['a MAC as a switch prints it', '0242.0a00.0301', ['mail-1']],
  ['words of which each must occur', 'vlan 500 of eth1 mail', ['mail-1', 'mail-4']],
])('the search finds %s', async (_what, words, names) => {
  const seen = await visit();
  await search(seen).fill(words);
  await seen.page.getByText(`${names.length} of 60 shown`).waitFor();
  expect(await namesOf(seen.page)).toEqual(names);
  await search(seen).press('Escape');
  expect(await namesOf(seen.page)).toHaveLength(60);
  await seen.end();
});

it('a network filters leases and events, and is taken back', async () => {
  const seen = await visit();
  const network = seen.page.getByRole('button', { name: /^fw600/ });
  await network.click();
  await seen.page.getByText('20 of 60 shown').waitFor();
  expect(await network.getAttribute('aria-pressed')).toBe('true');
  const events = await seen.page.locator('section[aria-label=Events] .what').allTextContents();
  expect(events.filter((text) => !text.includes('10.60.0.'))).toEqual([
    'VLAN 600 of eth1, mode=bridge',
  ]);
  await network.click();
  expect(await namesOf(seen.page)).toHaveLength(60);
  await seen.end();
});

it('a lease that is lost comes to the top without a reload, and is told to a screen reader', async () => {
  const seen = await visit();
  seen.site.lose('db-3');
  await seen.page.locator('tr.lease.lost', { hasText: 'db-3' }).waitFor();
  expect((await namesOf(seen.page)).slice(0, 3)).toEqual(['db-3', 'radius-2', 'radius-5']);
  await seen.page.getByRole('status').getByText('db-3 lost its lease').waitFor();
  const newest = seen.page.locator('section[aria-label=Events] li').first();
  expect(await newest.textContent()).toContain('lease.lost');
  await seen.end();
});

it('after a restart of the plugin the page goes on by itself', async () => {
  const seen = await visit();
  const { port } = new URL(seen.server.url);
  await seen.server.close();
  await seen.page
    .getByRole('alert')
    .getByText(/^Not up to date since \d+ s: /)
    .waitFor();
  expect(await namesOf(seen.page)).toHaveLength(60);
  // Numbers of events begin anew, as after a loss of the state.
  const after = pageSite(6);
  seen.server = await servePage(after, Number(port));
  await seen.page.getByText('live', { exact: true }).waitFor();
  await seen.page.locator('tr.lease').nth(6).waitFor({ state: 'detached' });
  await seen.page.getByRole('alert').waitFor({ state: 'detached' });
  after.lose('web-1');
  await seen.page.locator('tr.lease.lost', { hasText: 'web-1' }).waitFor();
  await seen.end();
});

it('by keyboard alone: search, go from row to row, open one, copy its reservation', async () => {
  const seen = await visit(undefined, { permissions: ['clipboard-read', 'clipboard-write'] });
  const { keyboard } = seen.page;
  await keyboard.press('/');
  await keyboard.type('asterisk');
  await seen.page.getByText('6 of 60 shown').waitFor();
  await row(seen, 'asterisk-1').focus();
  await keyboard.press('ArrowDown');
  await keyboard.press('ArrowDown');
  expect(await focused(seen)).toBe('asterisk-3');
  await keyboard.press('End');
  expect(await focused(seen)).toBe('asterisk-6');
  await keyboard.press('Home');
  await keyboard.press('Enter');
  expect(await row(seen, 'asterisk-1').getAttribute('aria-expanded')).toBe('true');
  await keyboard.press('Tab');
  expect(await focused(seen)).toBe('dnsmasqISC dhcpdKeaCSV');
  await keyboard.press('ArrowDown');
  await keyboard.press('ArrowDown');
  await keyboard.press('Tab');
  await keyboard.press('Enter');
  await seen.page.getByText('Copied').waitFor();
  expect(await seen.page.evaluate(() => navigator.clipboard.readText())).toBe(
    '{"hw-address":"02:42:0a:00:00:01","ip-address":"10.50.0.20","hostname":"asterisk-1"}',
  );
  await seen.end();
});

it('one Tab goes over all rows', async () => {
  const seen = await visit();
  await row(seen, 'radius-2').focus();
  await seen.page.keyboard.press('Tab');
  const isInTable = await seen.page.evaluate(() =>
    Boolean(document.activeElement?.closest('tbody')),
  );
  expect(isInTable).toBe(false);
  await seen.end();
});

it('the theme is kept by the browser, over what the system says', async () => {
  const seen = await visit(undefined, { colorScheme: 'light' });
  const paper = () => seen.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await paper();
  await seen.page.getByLabel('Theme').selectOption('dark');
  await seen.page.locator('html[data-theme=dark]').waitFor();
  const dark = await paper();
  expect(dark).not.toBe(light);
  await seen.page.reload();
  await seen.page.locator('tr.lease').first().waitFor();
  await seen.page.locator('html[data-theme=dark]').waitFor();
  expect(await paper()).toBe(dark);
  await seen.end();
});
