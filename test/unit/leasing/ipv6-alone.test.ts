/** The lease service for a container without IPv4: how a start ends, and what goes on then. */
import { describe, expect, it } from 'vitest';
import { encodeNdpFrame } from '../../../plugin/ndp/frame.ts';
import type { Ipv6Subject } from '../../../plugin/leasing/ipv6/ipv6-subject.ts';
import { parseToken } from '../../../plugin/vocabulary/ipv6/addressing.ts';
import { refusal } from '../../support/fakes/driver-rig.ts';
import { settled } from '../../support/time/fake-clock.ts';
import { ip6 } from '../../support/frames/messages.ts';
import { advertisement } from '../ndp/ndp-messages.ts';
import {
  acquire,
  address,
  answer,
  breakLink,
  changes,
  clock,
  eachOnItsWire,
  hear,
  linkLost,
  service,
  types,
} from './ipv6-alone-rig.ts';
import { MANAGED, PREFIX, SLAAC } from './ipv6-wire.ts';
import { KEY } from './leasing-rig.ts';

eachOnItsWire();

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
    expect(new Set(types())).toEqual(new Set(['SOLICIT']));
  });

  it('no link', async () => {
    breakLink(new Error('no such link'));
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
