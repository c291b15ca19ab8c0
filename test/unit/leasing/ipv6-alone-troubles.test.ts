/** The lease service for a container without IPv4: what goes wrong during a start, and after it. */
import { describe, expect, it } from 'vitest';
import { encodeNdpFrame } from '../../../plugin/ndp/frame.ts';
import { refusal } from '../../support/fakes/driver-rig.ts';
import { ip6 } from '../../support/frames/messages.ts';
import { lease6 } from '../../support/frames/messages6.ts';
import {
  acquire,
  address,
  alone,
  answer,
  CLAIM,
  clock,
  eachOnItsWire,
  hear,
  log,
  service,
  types,
} from './ipv6-alone-rig.ts';
import { PREFIX, SLAAC } from './ipv6-wire.ts';

eachOnItsWire();

describe('on_no_server=late starts the container also if', () => {
  it('another host has the address of the only prefix', async () => {
    const done = acquire({}, { late: true, waitMs: 5_000, acd: 'fast' });
    hear(encodeNdpFrame(PREFIX));
    hear(CLAIM);
    await clock.pass(6_000);
    await done;
    expect(address()).toBeUndefined();
    expect(log.messages('info').join()).toMatch(/is added when it comes: .* is in use by another/);
  });

  it('the server has no address', async () => {
    const done = acquire({ mode: 'dhcp' }, { late: true, waitMs: 5_000 });
    answer('ADVERTISE', { addresses: [], status: 2 });
    await clock.pass(6_000);
    await done;
    expect(service.size).toBe(1);
  });

  it('the server refuses (UnspecFail)', async () => {
    const done = acquire({ mode: 'dhcp' }, { late: true, waitMs: 5_000 });
    answer('ADVERTISE');
    answer('REPLY', { addresses: [], status: 1 });
    await clock.pass(6_000);
    await done;
    expect(service.size).toBe(1);
  });
});

it('on_no_server=late: the address that a person typed must be had all the same', async () => {
  const wish = { mode: 'dhcp', wishedAddress: ip6('2001:db8::77') } as const;
  const refused = refusal(acquire(wish, { late: true, waitMs: 5_000 }));
  answer('ADVERTISE');
  await clock.pass(6_000);
  expect(await refused).toMatchObject({ code: 'ADDRESS_NOT_OFFERED' });
});

it('a fault inside IPv6: the start waits on, and gets its address', async () => {
  const done = acquire();
  await clock.pass(500);
  hear(undefined as unknown as Uint8Array);
  await clock.pass(2_500);
  hear(encodeNdpFrame(PREFIX));
  await done;
  expect(address()).toBe(SLAAC);
});

describe('a lease of a start that comes to nothing goes back', () => {
  it('although it is still being proven unused', async () => {
    const refused = refusal(acquire({ mode: 'dhcp' }, { acd: 'full' }));
    answer('ADVERTISE');
    answer('REPLY');
    await clock.pass(300);
    service.release(alone({ mode: 'dhcp' }), undefined, 'br500');
    expect(await refused).toMatchObject({ code: 'CANCELLED' });
    expect(types()).toContain('RELEASE');
  });

  /** One that fails while the container has that lease of before. */
  async function cancelled(before: string, answers: () => Promise<void>) {
    const previousIpv6 = lease6({
      ...{ t1At: 1e8, t2At: 2e8 },
      addresses: [{ address: ip6(before), preferredUntil: 1e9, validUntil: 1e9 }],
    });
    const cancel = new AbortController();
    const { signal } = cancel;
    const refused = refusal(acquire({ mode: 'dhcp' }, { signal, previousIpv6, patience: 200 }));
    await answers();
    cancel.abort(new Error('gone'));
    await refused;
    return types();
  }

  it('although the container had another one before', async () => {
    const refuses = async () => {
      answer('REPLY', { status: 4 });
      await clock.pass(3_500);
      answer('ADVERTISE');
      answer('REPLY');
    };
    expect(await cancelled('2001:db8::99', refuses)).toEqual(
      expect.arrayContaining(['CONFIRM', 'REQUEST', 'RELEASE']),
    );
  });

  it('but not the one of before, which is held on', async () => {
    const confirms = () => Promise.resolve(answer('REPLY', { status: 0 }));
    expect(await cancelled('2001:db8::50', confirms)).toEqual(['CONFIRM']);
  });
});
