// The routers of a segment (RFC 4861 §6.3.4), and an RA told again.
import { describe, expect, it } from 'vitest';
import { decodeNdpFrame, encodeNdpFrame } from '../../../plugin/ndp/frame.ts';
import type { RouterAdvertisement } from '../../../plugin/ndp/message.ts';
import { INFINITE_LIFETIME } from '../../../plugin/ndp/options.ts';
import { replayOf } from '../../../plugin/ndp/replay.ts';
import {
  defaultRouters,
  forgetRouters,
  hearRouter,
  MOST_PREFIXES,
  MOST_ROUTERS,
  nextRouterDeadline,
  NO_ROUTERS,
  prefixesOf,
  type RouterTable,
} from '../../../plugin/ndp/routers.ts';
import type { NdpFrame } from '../../../plugin/ndp/frame.ts';
import { ip6 } from '../../support/frames/messages.ts';
import { readFixture } from '../../fixtures/read-fixture.ts';
import { advertisement, prefix, ROUTER_MAC } from './ndp-messages.ts';

const hear = (table: RouterTable, frame: NdpFrame<RouterAdvertisement>, now: number) =>
  hearRouter(table, frame, now).table;
const addresses = (table: RouterTable) => table.map(({ address }) => address);
const networks = (table: RouterTable) =>
  prefixesOf(table[0]!).map(({ option }) => option.subnet.network);
const many = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) =>
    prefix(`2001:db8:${(from + index).toString(16)}::/64`),
  );

describe('the table', () => {
  it('keeps the newest RA of each router, in the order of first hearing', () => {
    let table = hear(NO_ROUTERS, advertisement({}, 'fe80::2'), 0);
    table = hear(table, advertisement({}, 'fe80::1'), 1);
    table = hear(table, advertisement({ isManaged: true }, 'fe80::2'), 2);
    expect(addresses(table)).toEqual(['fe80::2', 'fe80::1']);
    expect(table[0]).toMatchObject({ heardAt: 2, advertisement: { isManaged: true } });
  });

  it('knows default routers by their lifetime', () => {
    const table = hear(NO_ROUTERS, advertisement({ routerLifetime: 12 }), 500);
    expect(addresses(defaultRouters(table, 12_499))).toEqual(['fe80::1']);
    expect(defaultRouters(table, 12_500)).toEqual([]);
    const gone = hear(table, advertisement({ routerLifetime: 0 }), 1_000);
    expect([addresses(gone), defaultRouters(gone, 1_000)]).toEqual([['fe80::1'], []]);
  });

  it('keeps a prefix that the newest RA does not repeat, until it ends', () => {
    const one = prefix('2001:db8:1::/64', { validLifetime: 5000 });
    let table = hear(NO_ROUTERS, advertisement({ options: [one] }), 0);
    table = hear(table, advertisement({ options: [prefix('2001:db8:2::/64')] }), 1_000);
    expect(networks(table)).toEqual(['2001:db8:2::', '2001:db8:1::']);
    table = hear(NO_ROUTERS, advertisement({ options: [one] }), 0);
    const two = prefix('2001:db8:2::/64', { validLifetime: 9000 });
    table = hear(table, advertisement({ options: [two] }), 1_000);
    expect(nextRouterDeadline(table)).toBe(5_000_000);
    expect(forgetRouters(table, 4_999_999)).toBe(table);
    expect(networks(forgetRouters(table, 5_000_000))).toEqual(['2001:db8:2::']);
    expect(networks(hear(table, advertisement({ options: [two] }), 5_000_000))).toHaveLength(1);
  });

  it('forgets a router that offers nothing after 30 minutes of silence', () => {
    const table = hear(NO_ROUTERS, advertisement({ routerLifetime: 0 }), 0);
    expect(nextRouterDeadline(table)).toBe(1_800_000);
    expect(forgetRouters(table, 1_799_999)).toBe(table);
    expect(forgetRouters(table, 1_800_000)).toEqual([]);
    expect(nextRouterDeadline([])).toBe(Infinity);
  });

  it('refuses a router more than it holds, and keeps those that were here first', () => {
    let table = NO_ROUTERS;
    for (let index = 1; index <= MOST_ROUTERS; index += 1) {
      table = hear(table, advertisement({}, `fe80::${index}`), 0);
    }
    const refused = hearRouter(table, advertisement({}, 'fe80::99'), 1);
    expect(refused).toEqual({ table, isRefused: true });
    expect(hearRouter(table, advertisement({}, 'fe80::3'), 1).isRefused).toBe(false);
    const withGone = hear(table, advertisement({ routerLifetime: 0 }, 'fe80::3'), 1);
    expect(
      hearRouter(withGone, advertisement({ routerLifetime: 0 }, 'fe80::99'), 1).isRefused,
    ).toBe(true);
    const { table: after, isRefused } = hearRouter(withGone, advertisement({}, 'fe80::99'), 1);
    expect(isRefused).toBe(false);
    expect(after).toHaveLength(MOST_ROUTERS);
    expect(addresses(after)).not.toContain('fe80::3');
    expect(addresses(after).at(-1)).toBe('fe80::99');
  });

  it('keeps at most 16 prefixes of a router, those of the newest RA before older ones', () => {
    let table = hear(NO_ROUTERS, advertisement({ options: many(20) }), 0);
    expect(networks(table)).toHaveLength(MOST_PREFIXES);
    table = hear(table, advertisement({ options: many(10, 100) }), 1);
    expect(networks(table)).toHaveLength(MOST_PREFIXES);
    expect(networks(table)[0]).toBe('2001:db8:64::');
    expect(networks(table)[10]).toBe('2001:db8::');
  });

  it('counts a prefix that an RA has twice once', () => {
    const table = hear(NO_ROUTERS, advertisement({ options: [...many(1), ...many(1)] }), 0);
    expect(networks(table)).toHaveLength(1);
  });
});

describe('an RA told again', () => {
  const captured = decodeNdpFrame(readFixture('ra-radvd-managed-rio'), {
    checksumReady: true,
  }) as NdpFrame<RouterAdvertisement>;
  const [router] = hear(NO_ROUTERS, captured, 1_000);

  it('is the same but for its destination, if no time has passed', () => {
    const frame = replayOf(router!, 1_000);
    expect(frame).toEqual({
      ...captured,
      destinationMac: '33:33:00:00:00:01',
      destination: 'ff02::1',
    });
    expect(decodeNdpFrame(encodeNdpFrame(frame), { checksumReady: true })).toEqual(frame);
  });

  it.each([
    [9_000, 22, 3592, 1792, 2],
    [9_001, 21, 3591, 1791, 1],
    [41_000, 0, 3560, 1760, 0],
  ])('at %i ms has lifetimes lowered by its age', (now, forRouter, valid, preferred, dns) => {
    expect(replayOf(router!, now).message).toMatchObject({
      routerLifetime: forRouter,
      options: [
        { type: 'prefix', validLifetime: valid, preferredLifetime: preferred },
        { type: 'route', lifetime: preferred },
        { type: 'rdnss', lifetime: dns },
        { type: 'dnssl', lifetime: dns },
        { type: 'source-link-layer' },
      ],
    });
  });

  it('leaves infinite lifetimes, the MTU and unknown options as they are', () => {
    const options = [
      prefix('2001:db8::/64', {
        validLifetime: INFINITE_LIFETIME,
        preferredLifetime: INFINITE_LIFETIME,
      }),
      { type: 'mtu', mtu: 1500 },
      { type: 'unknown', code: 200, value: new Uint8Array(6) },
    ] as const;
    const [one] = hear(NO_ROUTERS, advertisement({ options }), 0);
    expect(replayOf(one!, 1e9)).toMatchObject({ sourceMac: ROUTER_MAC, message: { options } });
  });

  it('has the prefixes of older RAs, as many as each link passes', () => {
    const servers = Array.from({ length: 50 }, () => ip6('2001:db8::53'));
    const first = hear(NO_ROUTERS, advertisement({ options: many(16) }), 0);
    const short = hear(first, advertisement(), 2_000)[0]!;
    const options = replayOf(short, 3_000).message.options;
    expect(options).toHaveLength(16);
    expect(options[0]).toMatchObject({ validLifetime: 3597 });
    const long = hear(
      first,
      advertisement({ options: [{ type: 'rdnss', servers, lifetime: 9 }] }),
      0,
    )[0]!;
    const bytes = encodeNdpFrame(replayOf(long, 0));
    expect(bytes.length).toBeLessThanOrEqual(1294);
    expect(bytes.length).toBeGreaterThan(1294 - 32);
  });
});
