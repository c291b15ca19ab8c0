import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isSameConfiguration,
  leaseTermsOf,
  placeInSubnet,
} from '../../../plugin/dhcp4/lease-terms.ts';
import { leaseTimesOf } from '../../../plugin/dhcp4/lease-times.ts';
import { durationOf, ipv4Value, OPTION } from '../../../plugin/dhcp4/options.ts';
import type { Dhcp4Message } from '../../../plugin/dhcp4/message.ts';
import type { LeaseTerms } from '../../../plugin/vocabulary/lease.ts';
import { ack, ip, lease, mac, SERVER, SERVER_MAC } from '../../support/frames/messages.ts';
import type { ReplyParts } from '../../support/frames/messages.ts';

const times = (parts: ReplyParts, requestedAt = 0, roll = 0.5) => {
  const { options } = ack(parts);
  return leaseTimesOf(options, durationOf(options, OPTION.LEASE_TIME)!, requestedAt, () => roll);
};
const terms = (...options: NonNullable<ReplyParts['options']>): LeaseTerms =>
  leaseTermsOf(ack({ options }), SERVER, SERVER_MAC);

describe('T1, T2 and expiry (RFC 2131 §4.4.5)', () => {
  it('default to 0.5 and 0.875 of the lease, counted from the REQUEST', () => {
    expect(times({ leaseSec: 1000 }, 7)).toEqual({
      requestedAt: 7,
      t1At: 500_007,
      t2At: 875_007,
      expiresAt: 1_000_007,
    });
  });

  it.each([
    [0, 475_000, 831_250],
    [1 - Number.EPSILON, 525_000, 918_750],
  ])('spread the defaults by ±5 %%: dice at %d', (roll, t1At, t2At) => {
    expect(times({ leaseSec: 1000 }, 0, roll)).toMatchObject({ t1At, t2At });
  });

  it.each([
    [0, 100_000],
    [1 - Number.EPSILON, 95_000],
  ])('are options 58 and 59, T1 up to 5 %% earlier: dice at %d', (roll, t1At) => {
    const sent = { leaseSec: 1000, t1Sec: 100, t2Sec: 200 };
    expect(times(sent, 0, roll)).toMatchObject({ t1At, t2At: 200_000 });
  });

  it.each([
    ['T1 = T2', { t1Sec: 500, t2Sec: 500 }],
    ['T1 > T2', { t1Sec: 600, t2Sec: 500 }],
    ['T2 = lease', { t1Sec: 500, t2Sec: 1000 }],
    ['T1 = 0', { t1Sec: 0, t2Sec: 800 }],
    ['T1 = 1 s: no server needs that, and each renewal is written to disk', { t1Sec: 1, t2Sec: 2 }],
    ['infinite T1 and T2', { t1Sec: 0xffffffff, t2Sec: 0xffffffff }],
    ['T1 after the default T2', { t1Sec: 900 }],
    ['T2 before the default T1', { t2Sec: 300 }],
  ])('fall back to the defaults for %s', (_, parts) => {
    expect(times({ leaseSec: 1000, ...parts })).toMatchObject({ t1At: 500_000, t2At: 875_000 });
  });

  it('are all infinite for an infinite lease, whatever 58 and 59 say', () => {
    expect(times({ leaseSec: 0xffffffff, t1Sec: 5, t2Sec: 6 }, 9)).toEqual({
      requestedAt: 9,
      t1At: Infinity,
      t2At: Infinity,
      expiresAt: Infinity,
    });
  });

  it('are in order for any lease and any options', () => {
    const seconds = fc.integer({ min: 0, max: 0xffffffff });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 0xffffffff }),
        fc.option(seconds, { nil: undefined }),
        fc.option(seconds, { nil: undefined }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (leaseSec, t1Sec, t2Sec, roll) => {
          const parts = {
            leaseSec,
            ...(t1Sec === undefined ? {} : { t1Sec }),
            ...(t2Sec === undefined ? {} : { t2Sec }),
          };
          const { t1At, t2At, expiresAt } = times(parts, 0, roll);
          expect(t1At).toBeGreaterThan(0);
          if (leaseSec === 0xffffffff) return;
          expect(t1At).toBeLessThan(t2At);
          expect(t2At).toBeLessThan(expiresAt);
        },
      ),
      { numRuns: 200 },
    );
  });
});

function readTerms(message: Dhcp4Message): { terms: LeaseTerms; dropped: string[] } {
  const dropped: string[] = [];
  return { terms: leaseTermsOf(message, SERVER, SERVER_MAC, dropped), dropped };
}

function without(message: Dhcp4Message, code: number): Dhcp4Message {
  return { ...message, options: new Map([...message.options].filter(([each]) => each !== code)) };
}

describe('what an address is in its subnet', () => {
  it.each([
    ['192.0.2.0', 24, 'network'],
    ['192.0.2.1', 24, 'host'],
    ['192.0.2.255', 24, 'broadcast'],
    ['192.0.3.255', 23, 'broadcast'],
    ['192.0.2.255', 23, 'host'],
    ['192.0.2.0', 22, 'host'],
    ['192.0.2.3', 30, 'broadcast'],
    ['192.0.2.2', 31, 'host'],
    ['192.0.2.3', 31, 'host'],
    ['192.0.2.0', 32, 'host'],
  ])('%s/%i: %s', (address, prefixLength, place) => {
    expect(placeInSubnet(ip(address), prefixLength)).toBe(place);
  });
});

describe('the terms of a lease', () => {
  const routers = [OPTION.ROUTER, Uint8Array.of(192, 0, 2, 7, 192, 0, 2, 8)] as const;
  const route33 = [OPTION.STATIC_ROUTE, Uint8Array.of(10, 0, 0, 0, 192, 0, 2, 9)] as const;
  const route121 = [24, 198, 51, 100, 192, 0, 2, 2];
  const default121 = [0, 192, 0, 2, 3];

  it('take the first router of option 3 and the routes of option 33', () => {
    expect(terms(routers, route33)).toMatchObject({
      gateway: '192.0.2.7',
      routes: [{ destination: '10.0.0.0', prefixLength: 8, via: '192.0.2.9' }],
    });
  });

  it('take option 121 instead of 3 and 33; its default route is the gateway (RFC 3442)', () => {
    const value = Uint8Array.from([...default121, ...route121]);
    expect(terms(routers, route33, [121, value])).toMatchObject({
      gateway: '192.0.2.3',
      routes: [{ destination: '198.51.100.0', prefixLength: 24, via: '192.0.2.2' }],
    });
  });

  it('have no gateway when option 121 has no default route (RFC 3442)', () => {
    expect(terms(routers, [121, Uint8Array.from(route121)]).gateway).toBeUndefined();
  });

  it('drop an on-link default route and routes over addresses that are no host', () => {
    const value = Uint8Array.from([0, 0, 0, 0, 0, 8, 10, 224, 0, 0, 1, 16, 172, 16, 0, 0, 0, 0]);
    expect(terms([121, value])).toMatchObject({
      gateway: undefined,
      routes: [{ destination: '172.16.0.0', prefixLength: 16, via: undefined }],
    });
  });

  it('take option 249 where 121 is missing, and 121 where both are there', () => {
    const microsoft = [249, Uint8Array.from(default121)] as const;
    expect(terms(routers, microsoft).gateway).toBe('192.0.2.3');
    expect(terms(routers, microsoft, [121, Uint8Array.from(route121)]).gateway).toBeUndefined();
  });

  it('fall back to options 3 and 33 when option 121 is malformed', () => {
    expect(terms(routers, [121, Uint8Array.of(24, 10)]).gateway).toBe('192.0.2.7');
  });

  it('derive the mask from the class when option 1 is missing (RFC 950 §2.1)', () => {
    const message = without(ack({ address: ip('10.9.8.7') }), OPTION.SUBNET_MASK);
    expect(readTerms(message)).toMatchObject({ terms: { prefixLength: 8 }, dropped: [] });
  });

  it.each(['0.0.0.0', '128.0.0.0', '254.0.0.0', '255.0.255.0'])(
    'derive it from the class, and say so, when no host can use the mask %s',
    (mask) => {
      const message = ack({ options: [[1, ipv4Value(ip(mask))]] });
      expect(readTerms(message)).toMatchObject({
        terms: { prefixLength: 24 },
        dropped: [
          `option 1 (subnet mask) ${mask}: no host can use it, /24 by the class of 192.0.2.50 instead`,
        ],
      });
    },
  );

  it('say what was seen of an option that could not be read', () => {
    const damaged = new Map([
      [1, 'it has 3 octets, not 4'],
      [200, 'it runs past the end'],
    ]);
    const message = { ...without(ack(), OPTION.SUBNET_MASK), damaged };
    expect(readTerms(message)).toMatchObject({
      terms: { prefixLength: 24 },
      dropped: [
        'option 1 (subnet mask): it has 3 octets, not 4',
        'option 200: it runs past the end',
      ],
    });
  });

  it('name each malformed option', () => {
    const options = [3, 6, 15, 33, 119, 121, 249].map((code) => [code, Uint8Array.of(64)] as const);
    expect(readTerms(ack({ options })).dropped).toEqual([
      'option 6 (DNS servers): malformed',
      'option 121 (classless routes): malformed',
      "option 249 (Microsoft's classless routes): malformed",
      'option 3 (routers): malformed',
      'option 33 (static routes): malformed',
      'option 15 (domain name): malformed',
      'option 119 (domain search list): malformed',
    ]);
  });

  it('name routers, name servers and routes that no host can use', () => {
    const options = [
      [3, Uint8Array.of(0, 0, 0, 0)],
      [6, Uint8Array.of(0, 0, 0, 0, 192, 0, 2, 1)],
      [33, Uint8Array.of(10, 0, 0, 0, 224, 0, 0, 1)],
    ] as const;
    expect(readTerms(ack({ options }))).toMatchObject({
      terms: { gateway: undefined, dnsServers: ['192.0.2.1'], routes: [] },
      dropped: [
        "option 6 (DNS servers): 0.0.0.0 is no host's address",
        'option 3 (routers): 0.0.0.0 cannot be a router',
        'option 33 (static routes): the route to 10.0.0.0/8 by 224.0.0.1, which cannot be a router',
      ],
    });
  });

  const by = [192, 0, 2, 2];
  it.each([
    ['0.0.0.0/8', [8, 0]],
    ['0.9.0.0/16', [16, 0, 9]],
    ['127.0.0.0/8', [8, 127]],
    ['127.0.0.1/32', [32, 127, 0, 0, 1]],
    ['224.0.0.0/4', [4, 224]],
    ['224.0.0.0/3', [3, 224]],
    ['240.0.0.0/4', [4, 240]],
    ['255.255.255.255/32', [32, 255, 255, 255, 255]],
  ])('leave out a route to %s', (text, target) => {
    expect(readTerms(ack({ options: [[121, Uint8Array.from([...target, ...by])]] }))).toMatchObject(
      {
        terms: { routes: [] },
        dropped: [`option 121 (classless routes): the route to ${text} leads nowhere`],
      },
    );
  });

  it('keep half of the internet, which only begins in 0/8', () => {
    const value = Uint8Array.from([1, 0, ...by, 1, 128, ...by, 2, 192, ...by]);
    expect(readTerms(ack({ options: [[121, value]] }))).toMatchObject({
      terms: { routes: [{ prefixLength: 1 }, { prefixLength: 1 }, { prefixLength: 2 }] },
      dropped: [],
    });
  });

  it('leave out a default route by no router, and a second route to one place', () => {
    const value = Uint8Array.from([0, 0, 0, 0, 0, 8, 10, ...by, 8, 10, 192, 0, 2, 3]);
    expect(readTerms(ack({ options: [[121, value]] }))).toMatchObject({
      terms: { gateway: undefined, routes: [{ destination: '10.0.0.0', via: '192.0.2.2' }] },
      dropped: [
        'option 121 (classless routes): the default route by 0.0.0.0, which cannot be a router',
        'option 121 (classless routes): the second route to 10.0.0.0/8',
      ],
    });
  });

  it('keep the first 64 routes', () => {
    const routes = (count: number) =>
      Uint8Array.from(
        Array.from({ length: count }, (_, index) => [24, 10, 1, index, ...by]).flat(),
      );
    expect(readTerms(ack({ options: [[121, routes(64)]] })).dropped).toEqual([]);
    const { terms: kept, dropped } = readTerms(ack({ options: [[121, routes(65)]] }));
    expect(kept.routes).toHaveLength(64);
    expect(dropped).toEqual(['option 121 (classless routes): 65 routes, more than 64; the rest']);
  });

  it('skip routers and name servers that cannot be hosts', () => {
    const zeroFirst = Uint8Array.of(0, 0, 0, 0, 192, 0, 2, 8);
    expect(terms([OPTION.ROUTER, zeroFirst], [OPTION.DOMAIN_NAME_SERVER, zeroFirst])).toMatchObject(
      { gateway: '192.0.2.8', dnsServers: ['192.0.2.8'] },
    );
  });

  const noRouters = [
    ['0.0.0.0 in option 33, which has no on-link routes', '0.0.0.0'],
    ['this network', '0.0.0.9'],
    ['loopback', '127.0.0.1'],
    ['multicast', '224.0.0.1'],
    ['reserved', '240.0.0.1'],
    ['broadcast', '255.255.255.255'],
    ["the lease's own address", '192.0.2.50'],
    ["the subnet's network address", '192.0.2.0'],
    ["the subnet's broadcast address", '192.0.2.255'],
  ] as const;

  it.each(noRouters)('take no router or next hop that is %s', (_what, text) => {
    const router = ipv4Value(ip(text));
    const good = [192, 0, 2, 9];
    const pairs = Uint8Array.from([10, 0, 0, 0, ...router, 172, 16, 0, 0, ...good]);
    expect(
      terms([OPTION.ROUTER, Uint8Array.from([...router, ...good])], [33, pairs]),
    ).toMatchObject({
      gateway: '192.0.2.9',
      routes: [{ destination: '172.16.0.0', via: '192.0.2.9' }],
    });
    if (text === '0.0.0.0') return; // on-link in option 121
    const classless = Uint8Array.from([0, ...router, 8, 10, ...router, 16, 172, 16, ...good]);
    expect(terms(routers, [121, classless])).toMatchObject({
      gateway: undefined,
      routes: [{ destination: '172.16.0.0', via: '192.0.2.9' }],
    });
  });

  it.each([
    ['the other end of a /31 (RFC 3021)', '255.255.255.254', '192.0.2.51'],
    ['the lower end of a /31', '255.255.255.254', '192.0.2.50'],
    ['outside a /32', '255.255.255.255', '192.0.2.1'],
    ['outside the subnet, where its last octet means nothing', '255.255.255.0', '198.51.100.255'],
    ['inside a wider subnet', '255.255.0.0', '192.0.2.255'],
  ])('take a router %s', (_what, mask, router) => {
    const address = ip(router === '192.0.2.50' ? '192.0.2.51' : '192.0.2.50');
    const options = [
      [1, ipv4Value(ip(mask))],
      [3, ipv4Value(ip(router))],
    ] as const;
    const message = ack({ address, options });
    expect(leaseTermsOf(message, SERVER, SERVER_MAC).gateway).toBe(router);
  });

  it('have no gateway without any router option', () => {
    expect(terms([OPTION.ROUTER, new Uint8Array(0)]).gateway).toBeUndefined();
  });

  it('carry MTU, names and the server as sent', () => {
    expect(
      terms([26, Uint8Array.of(0, 68)], [15, Uint8Array.of(97)], [119, Uint8Array.of(1, 98, 0)]),
    ).toMatchObject({
      mtu: 68,
      domainName: 'a',
      domainSearch: ['b'],
      serverId: SERVER,
      serverMac: SERVER_MAC,
    });
  });
});

describe('isSameConfiguration', () => {
  it('looks past times and the server', () => {
    const other = lease({
      requestedAt: 5,
      serverId: ip('192.0.2.9'),
      serverMac: mac('02:00:00:00:00:09'),
    });
    expect(isSameConfiguration(lease(), other)).toBe(true);
  });

  it.each<[string, Partial<LeaseTerms>]>([
    ['address', { address: ip('192.0.2.51') }],
    ['prefix', { prefixLength: 25 }],
    ['gateway', { gateway: undefined }],
    ['routes', { routes: [{ destination: ip('10.0.0.0'), prefixLength: 8, via: undefined }] }],
    ['MTU', { mtu: 1400 }],
  ])('sees a change of %s', (_, change) => {
    expect(isSameConfiguration(lease(), lease(change))).toBe(false);
  });

  it.each<[string, Partial<LeaseTerms>]>([
    ['DNS servers', { dnsServers: [SERVER] }],
    ['domain', { domainName: 'lab.example' }],
    ['search list', { domainSearch: ['lab.example'] }],
  ])('looks past %s: nobody applies them', (_, change) => {
    expect(isSameConfiguration(lease(), lease(change))).toBe(true);
  });
});
