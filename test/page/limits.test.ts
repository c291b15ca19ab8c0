/** What the page must stand: hostile names, 500 leases, a narrow screen, and its own size. */
import { expect, it } from 'vitest';
import { eventOf, pageSite } from '../support/pages/page-site.ts';
import { namesOf, visits } from './rig.ts';

const { visit, files } = visits();

const HOSTILE = `<img src=x onerror="document.title='owned'">`;
const MOST_BYTES = 100_000;

it('all files together have less than 100 kB, uncompressed', () => {
  const sizes = [...files().values()].map(({ body }) => Buffer.byteLength(body));
  expect(sizes).toHaveLength(4);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(MOST_BYTES);
});

it('no file names another host, and the page has no inline script or style', () => {
  for (const [path, { body }] of files()) {
    const hosts = [...body.matchAll(/https?:\/\/([a-z0-9.-]+)/g)].map(([, host]) => host);
    expect([path, hosts.filter((host) => host !== 'www.w3.org')]).toEqual([path, []]);
  }
  const html = files().get('/')?.body ?? '';
  expect(html).not.toMatch(/<style|\sstyle=|\son\w+=|<script(?![^>]*\bsrc=)/);
});

it('a hostile name, server text or cause is text, wherever it is shown', async () => {
  const site = pageSite(6);
  site.leases = site.leases.map((lease, index) =>
    index === 0
      ? { ...lease, name: HOSTILE, nameFrom: 'hostname', server: HOSTILE, segment: HOSTILE }
      : lease,
  );
  site.networks = site.networks.map((network) => ({ ...network, segment: HOSTILE }));
  const lease = site.leases[0]!;
  site.bus.emit(eventOf(lease, 'lease.lost', { cause: HOSTILE }));
  site.bus.emit({
    type: 'trouble',
    level: 'warn',
    message: HOSTILE,
    fields: { [HOSTILE]: HOSTILE },
  });
  const { page, complaints, end } = await visit(site);
  await page.locator('button.name', { hasText: HOSTILE }).click();
  await page.getByText('Reservation for').waitFor();
  expect(await page.locator('.reservation code').textContent()).toBe(
    'dhcp-host=02:42:0a:00:00:01,10.50.0.20',
  );
  expect(await page.locator('section[aria-label=Events]').textContent()).toContain(HOSTILE);
  expect(await page.locator('img').count()).toBe(0);
  expect(await page.title()).toBe('vlandhcp');
  expect(complaints).toEqual([]);
  await end();
});

it('a hostile name of a network or container, as a search and in the news, is text', async () => {
  const site = pageSite(6);
  site.networks = site.networks.map((network) => ({ ...network, name: HOSTILE }));
  site.leases = site.leases.map((lease, index) =>
    index === 0
      ? { ...lease, name: HOSTILE, nameFrom: 'docker', networkName: HOSTILE, gateway: HOSTILE }
      : lease,
  );
  const { page, complaints, end } = await visit(site);
  await page.getByRole('searchbox').fill(`${HOSTILE.slice(0, 12)} (?:*[`);
  await page.getByText('No lease is like that.').waitFor();
  await page.getByRole('searchbox').fill(HOSTILE);
  await page.getByText('1 of 6 shown').waitFor();
  await page.locator('.networks button').first().click();
  await page.locator('button.name', { hasText: HOSTILE }).click();
  site.lose(HOSTILE);
  await page.getByText(`${HOSTILE} lost its lease`).waitFor({ state: 'attached' });
  expect(await page.locator('img').count()).toBe(0);
  expect(await page.title()).toBe('vlandhcp');
  expect(complaints).toEqual([]);
  await end();
});

it('two containers with one MAC on two VLANs: each has its own name and history', async () => {
  const site = pageSite(6);
  const [one, other] = site.leases;
  const mac = '02:00:00:00:77:77';
  const twins = [
    { ...one!, mac, name: 'pbx-a', state: 'leased' as const, network: site.networks[0]!.network },
    { ...other!, mac, name: 'pbx-b', state: 'leased' as const, network: site.networks[1]!.network },
  ];
  site.leases = [...twins, ...site.leases.slice(2)];
  for (const twin of twins)
    site.bus.emit(eventOf(twin, 'lease.lost', { cause: `of ${twin.name}` }));
  const { page, end } = await visit(site);
  for (const { name } of twins) {
    const event = page.locator('section[aria-label=Events] li', { hasText: `of ${name}` });
    expect(await event.locator('.whose').textContent()).toBe(name);
  }
  await page.locator('button.name', { hasText: 'pbx-a' }).click();
  const history = await page.locator('.lease-details .events').textContent();
  expect(history).toContain('of pbx-a');
  expect(history).not.toContain('of pbx-b');
  await end();
});

it('500 leases: few rows are drawn at first, and all can be reached', async () => {
  const { page, complaints, end } = await visit(pageSite(500));
  expect(await page.locator('tr.lease').count()).toBeLessThanOrEqual(80 + 160);
  expect(await page.getByRole('table').getAttribute('aria-rowcount')).toBe('501');
  await page.getByRole('searchbox').fill('ntp-50');
  await page.getByText('1 of 500 shown').waitFor();
  expect(await namesOf(page)).toEqual(['ntp-50']);
  await page.getByRole('searchbox').fill('');
  for (;;) {
    const more = page.getByRole('button', { name: /^Show \d+ more$/ });
    if ((await more.count()) === 0) break;
    await more.evaluate((button) => (button as HTMLButtonElement).click());
  }
  expect(new Set(await namesOf(page)).size).toBe(500);
  expect(complaints).toEqual([]);
  await end();
});

it('500 leases: one change redraws that row and no other', async () => {
  const site = pageSite(500);
  // No text depends on the time.
  site.leases = site.leases.map((lease) => ({
    ...{ ...lease, state: 'leased', holder: 'container', expiresAt: 'infinite' },
    ...{ renewal: undefined, lost: undefined },
  }));
  const { page, end } = await visit(site);
  await page.getByText('500 leased').first().waitFor();
  await page.evaluate(() => {
    const changed = new Set<Element>();
    Object.assign(window, { changed });
    new MutationObserver((records) => {
      for (const { target } of records) {
        const row = (target instanceof Element ? target : target.parentElement)?.closest(
          'tr.lease',
        );
        if (row) changed.add(row);
      }
    }).observe(document.querySelector('tbody')!, {
      ...{ subtree: true, childList: true, characterData: true },
    });
  });
  site.lose('api-9');
  await page.locator('tr.lease.lost', { hasText: 'api-9' }).waitFor();
  const texts = await page.evaluate(() =>
    [...(window as unknown as { changed: Set<Element> }).changed].map((row) => row.textContent),
  );
  expect(texts).toHaveLength(1);
  expect(texts[0]).toContain('api-9');
  await end();
});

it.each([320, 360, 768])(
  '%i pixels wide: nothing is cut off or scrolls sideways',
  async (width) => {
    const { page, end } = await visit(undefined, { viewport: { width, height: 740 } });
    await page.locator('button.name').first().click();
    await page.locator('.lease-details').waitFor();
    const outside = await page.evaluate(() => {
      const wide = document.documentElement.scrollWidth > innerWidth ? ['the page'] : [];
      const parts = [...document.querySelectorAll('main *, header *')].filter(
        (one) =>
          one.closest('.unseen, .plot') === null &&
          one.getBoundingClientRect().right > innerWidth + 1,
      );
      return [...wide, ...parts.map((one) => `${one.tagName}.${one.className}`)];
    });
    expect(outside).toEqual([]);
    await end();
  },
);
