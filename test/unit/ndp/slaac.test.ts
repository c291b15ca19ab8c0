// RFC 4862 §5.5.3, and which of several prefixes a container takes.
import { describe, expect, it } from 'vitest';
import { INFINITE_LIFETIME } from '../../../plugin/ndp/options.ts';
import { hearRouter, NO_ROUTERS } from '../../../plugin/ndp/routers.ts';
import { chooseSlaacAddress } from '../../../plugin/ndp/slaac.ts';
import { parseToken } from '../../../plugin/vocabulary/ipv6/addressing.ts';
import { interfaceIdOf } from '../../../plugin/wire/address6.ts';
import { CLIENT_MAC, ip6 } from '../../support/frames/messages.ts';
import { advertisement, prefix } from './ndp-messages.ts';

const id = interfaceIdOf(CLIENT_MAC);

/** The table after these RAs, each `[router, options, now]`. */
function tableOf(...heard: [string, ReturnType<typeof prefix>[], number][]) {
  return heard.reduce(
    (table, [router, options, now]) =>
      hearRouter(table, advertisement({ options }, router), now).table,
    NO_ROUTERS,
  );
}

describe('the address', () => {
  it('is the prefix and the EUI-64 of the MAC, with what is left of the lifetimes', () => {
    const table = tableOf(['fe80::1', [prefix('2001:db8:500::/64')], 1_000]);
    expect(chooseSlaacAddress(table, id, 61_000)).toEqual({
      address: '2001:db8:500::ff:fe00:c1',
      prefixLength: 64,
      router: 'fe80::1',
      validLifetime: 3540,
      preferredLifetime: 1740,
    });
  });

  it('is the prefix and a token', () => {
    const table = tableOf(['fe80::1', [prefix('2001:db8:500::/64')], 0]);
    expect(chooseSlaacAddress(table, parseToken('::53')!, 0)?.address).toBe('2001:db8:500::53');
  });

  it.each([
    ['the A flag is not set', { isAutonomous: false }],
    ['preferred is longer than valid', { preferredLifetime: 3601 }],
    ['valid is 0', { validLifetime: 0, preferredLifetime: 0 }],
  ])('is none if %s', (_, parts) => {
    const table = tableOf(['fe80::1', [prefix('2001:db8:500::/64', parts)], 0]);
    expect(chooseSlaacAddress(table, id, 0)).toBeUndefined();
  });

  it.each(['2001:db8:500::/63', '2001:db8:500::/65', 'fe80::/64', 'ff02::/64'])(
    'is none of %s',
    (text) => {
      const table = tableOf(['fe80::1', [prefix(text)], 0]);
      expect(chooseSlaacAddress(table, id, 0)).toBeUndefined();
    },
  );

  it('counts although its router is no default router', () => {
    const frame = advertisement({ routerLifetime: 0, options: [prefix('2001:db8:500::/64')] });
    const { table } = hearRouter(NO_ROUTERS, frame, 0);
    expect(chooseSlaacAddress(table, id, 0)?.address).toBe('2001:db8:500::ff:fe00:c1');
  });

  it('ends with the valid lifetime, never if it is infinite', () => {
    const one = tableOf(['fe80::1', [prefix('2001:db8:500::/64')], 0]);
    expect(chooseSlaacAddress(one, id, 3_599_000)?.validLifetime).toBe(1);
    expect(chooseSlaacAddress(one, id, 3_599_001)).toBeUndefined();
    const forever = prefix('2001:db8:500::/64', {
      validLifetime: INFINITE_LIFETIME,
      preferredLifetime: INFINITE_LIFETIME,
    });
    const other = tableOf(['fe80::1', [forever], 0]);
    expect(chooseSlaacAddress(other, id, 1e12)?.preferredLifetime).toBe(INFINITE_LIFETIME);
  });
});

describe('of several prefixes', () => {
  const prefixAt = (table: ReturnType<typeof tableOf>, now: number) =>
    chooseSlaacAddress(table, ip6('::1'), now)?.address;

  it('the longest preferred lifetime wins', () => {
    const short = prefix('2001:db8:1::/64', { preferredLifetime: 100 });
    const long = prefix('2001:db8:2::/64', { preferredLifetime: 200 });
    expect(prefixAt(tableOf(['fe80::1', [short, long], 0]), 0)).toBe('2001:db8:2::1');
  });

  it('of equal ones the lowest wins, as numbers and not as text', () => {
    const both = [prefix('2001:db8:10::/64'), prefix('2001:db8:9::/64')];
    expect(prefixAt(tableOf(['fe80::1', both, 0]), 0)).toBe('2001:db8:9::1');
  });

  it('two equal ones do not take turns with the RAs of their routers', () => {
    const low: [string, ReturnType<typeof prefix>[]] = ['fe80::1', [prefix('2001:db8:1::/64')]];
    const high: [string, ReturnType<typeof prefix>[]] = ['fe80::2', [prefix('2001:db8:2::/64')]];
    const lowNewest = tableOf([...high, 0], [...low, 9_000]);
    const highNewest = tableOf([...low, 0], [...high, 9_000]);
    expect([lowNewest, highNewest].map((table) => prefixAt(table, 10_000))).toEqual([
      '2001:db8:1::1',
      '2001:db8:1::1',
    ]);
  });

  it('a deprecated one is the last choice', () => {
    const ending = prefix('2001:db8:1::/64', { preferredLifetime: 500 });
    const other = prefix('2001:db8:2::/64', { preferredLifetime: 400 });
    const table = tableOf(['fe80::1', [ending], 0], ['fe80::2', [other], 300_000]);
    expect(prefixAt(table, 499_000)).toBe('2001:db8:1::1');
    expect(prefixAt(table, 500_000)).toBe('2001:db8:2::1');
    expect(prefixAt(tableOf(['fe80::1', [ending], 0]), 600_000)).toBe('2001:db8:1::1');
  });

  it('what was told last about a prefix counts, from whichever router', () => {
    const alive = prefix('2001:db8:1::/64');
    const ended = prefix('2001:db8:1::/64', { validLifetime: 0, preferredLifetime: 0 });
    expect(prefixAt(tableOf(['fe80::1', [alive], 0], ['fe80::2', [ended], 5]), 10)).toBeUndefined();
    const table = tableOf(['fe80::2', [ended], 0], ['fe80::1', [alive], 5]);
    expect(prefixAt(table, 10)).toBe('2001:db8:1::1');
    const again = tableOf(
      ['fe80::1', [alive], 0],
      ['fe80::2', [ended], 5],
      ['fe80::1', [alive], 6],
    );
    expect(prefixAt(again, 10)).toBe('2001:db8:1::1');
  });
});

it.each([
  ['::53', '::53'],
  ['::1:2:3:4', '::1:2:3:4'],
  ['::', undefined],
  ['1::53', undefined],
  ['53', undefined],
])('the token %s reads as %s', (text, token) => {
  expect(parseToken(text)).toBe(token);
});
