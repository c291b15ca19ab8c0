/** The lease service for a container without IPv4: how a start ends, and what goes on then. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clientFrame, decodeFrame, encodeFrame } from '../../../plugin/dhcp6/frame.ts';
import { LeaseService } from '../../../plugin/leasing/lease-service.ts';
import type { Ipv6Subject } from '../../../plugin/leasing/ipv6/ipv6-subject.ts';
import { encodeNdpFrame } from '../../../plugin/ndp/frame.ts';
import { parseToken } from '../../../plugin/vocabulary/ipv6/addressing.ts';
import { duidOfMac, iaidOfMac } from '../../../plugin/vocabulary/ipv6/duid.ts';
import { FakeClock, settled } from '../../support/fake-clock.ts';
import { MemoryLogger } from '../../support/memory-logger.ts';
import { CLIENT_MAC, ip6 } from '../../support/messages.ts';
import { reply6, type Reply6Parts } from '../../support/messages6.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { refusal } from '../../support/driver-rig.ts';
import { advertisement, ROUTER_MAC } from '../ndp/ndp-messages.ts';
import { MANAGED, PREFIX, SLAAC } from './ipv6-wire.ts';
import { KEY, subject } from './leasing-rig.ts';

const refuse = (): never => {
  throw new Error('no socket of IPv4 may be opened');
};

let clock: FakeClock;
let sent: Uint8Array[];
let hear: (frame: Uint8Array) => void;
let linkLost: () => void;
let problem: Error | undefined;
let service: LeaseService;
let open: number;
let changes: string[];

beforeEach(() => {
  clock = new FakeClock();
  [sent, open, changes, problem] = [[], 0, [], undefined];
  service = new LeaseService({
    ...{ clock, random: seededRandom(5), log: new MemoryLogger() },
    ...{ openSocket: refuse, openArpSocket: refuse, onChange: refuse },
    openRouterSocket: () => ({ close() {} }),
    openIpv6Socket: (_place, _mac, handlers) => {
      if (problem !== undefined) throw problem;
      open += 1;
      hear = (bytes) => handlers.onFrame(bytes, { checksumReady: true });
      linkLost = () => handlers.onError(new Error('link is gone'));
      const send = (bytes: Uint8Array) => void sent.push(bytes);
      return { listen() {}, send, sendFromLink: send, close: () => void (open -= 1) };
    },
    onIpv6Change: (_key, { change, address }) => changes.push(`${change} ${address?.address}`),
    probeSandbox: () => ({ link: 'eth0' }),
    onEntered: () => undefined,
  });
});
afterEach(() => {
  service.close();
  expect({ open, pending: clock.pending, size: service.size }).toEqual({
    ...{ open: 0, pending: 0, size: 0 },
  });
});

const alone = (parts: Partial<Ipv6Subject> = {}) =>
  subject({
    isIpv6Only: true,
    ipv6: {
      ...{ mode: 'auto', routersOn: 'br500', wishedAddress: undefined },
      ...{ duid: duidOfMac(CLIENT_MAC), iaid: iaidOfMac(CLIENT_MAC), ...parts },
    },
  });

function acquire(parts: Partial<Ipv6Subject> = {}, { late = false, waitMs = 20_000 } = {}) {
  const limits = { late, signal: new AbortController().signal, rest: 1_000 };
  const by = clock.now() + waitMs;
  return service.acquireIpv6(alone(parts), { link: 'vdc0' }, { ...limits, by });
}

/** The server answers the last message. */
function answer(type: 'ADVERTISE' | 'REPLY', parts: Reply6Parts = {}): void {
  const message = decodeFrame(sent.at(-1)!, { checksumReady: true, port: 547 }).message;
  const frame = clientFrame(CLIENT_MAC, reply6(type, message.xid, parts));
  hear(encodeFrame({ ...frame, sourceMac: ROUTER_MAC, source: ip6('fe80::1') }));
}

const address = () => service.ipv6(KEY)?.terms.address?.address;

describe('a start', () => {
  it('ends with the address of a prefix at once, and no DHCPv4 server was asked', async () => {
    const done = acquire();
    hear(encodeNdpFrame(PREFIX));
    await done;
    expect(address()).toBe(SLAAC);
    expect(service.leaseOf(KEY)).toBeUndefined();
  });

  it('token=: the address has that interface identifier', async () => {
    const done = acquire({ token: parseToken('::53')! });
    hear(encodeNdpFrame(PREFIX));
    await done;
    expect(address()).toBe('2001:db8:500::53');
  });

  it('waits a second for the server, once it has the address of a prefix', async () => {
    const done = acquire();
    hear(encodeNdpFrame(advertisement({ ...PREFIX.message, isManaged: true })));
    await clock.pass(999);
    let isDone = false;
    void done.then(() => (isDone = true));
    await settled();
    expect(isDone).toBe(false);
    await clock.pass(1);
    await done;
    expect(address()).toBe(SLAAC);
  });

  it('ip6=: takes that address, and with it the lease', async () => {
    const done = acquire({ mode: 'dhcp', wishedAddress: ip6('2001:db8::50') });
    answer('ADVERTISE');
    answer('REPLY');
    await done;
    expect(address()).toBe('2001:db8::50');
  });
});

describe('a start fails in one sentence', () => {
  const failure = async (parts: Partial<Ipv6Subject>, heard: () => void, waitMs = 20_000) => {
    const refused = refusal(acquire(parts, { waitMs }));
    heard();
    await clock.pass(waitMs + 1_000);
    return refused;
  };

  it('no router', async () => {
    expect(await failure({}, () => undefined)).toMatchObject({
      code: 'NO_OFFER',
      message: expect.stringMatching(
        /^no router advertised itself on VLAN 500 of eth1 in 1\d/,
      ) as string,
    });
  });

  it('a router without a prefix: no longer than ipv6_patience', async () => {
    expect(await failure({}, () => hear(encodeNdpFrame(advertisement())), 5_000)).toMatchObject({
      code: 'NO_OFFER',
      message: expect.stringMatching(
        /^no router offered an IPv6 address on VLAN 500 of eth1 in 1 s: .* routers heard: fe80::1; set the A flag/,
      ) as string,
    });
  });

  it('a managed VLAN without a server', async () => {
    expect(await failure({}, () => hear(encodeNdpFrame(MANAGED)), 5_000)).toMatchObject({
      code: 'NO_OFFER',
      message: expect.stringMatching(
        /^no DHCPv6 server answered on VLAN 500 of eth1 in 5 s/,
      ) as string,
    });
  });

  it('a server without addresses', async () => {
    const heard = () => answer('ADVERTISE', { addresses: [] });
    expect(await failure({ mode: 'dhcp' }, heard, 5_000)).toMatchObject({
      code: 'NO_OFFER',
      message: expect.stringMatching(/^a DHCPv6 server answered that it has no address/) as string,
    });
  });

  it('a server whose pool is exhausted', async () => {
    const heard = () => answer('ADVERTISE', { addresses: [], status: 2 });
    expect(await failure({ mode: 'dhcp' }, heard, 5_000)).toMatchObject({
      code: 'NO_OFFER',
      message: expect.stringContaining('its pool is exhausted') as string,
    });
  });

  it('ip6=: another address is refused, and not asked for', async () => {
    const wish = { mode: 'dhcp', wishedAddress: ip6('2001:db8::77') } as const;
    expect(await failure(wish, () => answer('ADVERTISE'), 5_000)).toMatchObject({
      code: 'ADDRESS_NOT_OFFERED',
      message: expect.stringMatching(
        /^no DHCPv6 server offered 2001:db8::77 on VLAN 500 of eth1 in 5 s: .*; the server has 2001:db8::50 for this client/,
      ) as string,
    });
    const types = sent.flatMap((bytes) => {
      try {
        return [decodeFrame(bytes, { checksumReady: true, port: 547 }).message.type];
      } catch {
        return [];
      }
    });
    expect(new Set(types)).toEqual(new Set(['SOLICIT']));
  });

  it('no link', async () => {
    problem = new Error('no such link');
    expect(await refusal(acquire())).toMatchObject({ message: 'no such link' });
  });
});

it('on_no_server=late: the start ends, and the address comes as a change', async () => {
  const done = acquire({}, { late: true, waitMs: 2_000 });
  await clock.pass(2_000);
  await done;
  expect(address()).toBeUndefined();
  hear(encodeNdpFrame(PREFIX));
  expect(changes).toEqual([`acquired ${SLAAC}`]);
});

it('on_no_server=late and an exhausted pool: the start ends, and an address comes later', async () => {
  const done = acquire({ mode: 'dhcp' }, { late: true, waitMs: 3_000 });
  answer('ADVERTISE', { addresses: [], status: 2 });
  await clock.pass(3_000);
  await done;
  answer('ADVERTISE');
  answer('REPLY');
  expect(changes).toEqual(['acquired 2001:db8::50']);
});

it('the link is followed into the sandbox, and looked for again when it is lost', async () => {
  const done = acquire();
  hear(encodeNdpFrame(PREFIX));
  await done;
  const place = { netnsPath: '/netns/1', hostEnd: 'vdh0', containerEnd: 'vdc0' };
  const fallback = { link: 'br500', promiscuous: true };
  service.follow(KEY, { ...place, fallback, inside: {} });
  await clock.pass(20);
  expect(service.hasLostSandbox(KEY, true)).toBe(false);
  linkLost();
  service.unfollow(KEY);
  expect(service.hasLostSandbox(KEY, true)).toBe(true);
});
