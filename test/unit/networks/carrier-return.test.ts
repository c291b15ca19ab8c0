/** The parent of a network gets its carrier back: what is due is asked at once (U9). */
import { afterEach, expect, it } from 'vitest';
import type { HostLink } from '../../../plugin/host.ts';
import { rigWithNetwork, type DriverRig } from '../../support/fakes/driver-rig.ts';

let rig: DriverRig;
afterEach(() => rig.stop());

const LEASE = 3_600_000; // T1 after half of it

async function carrier(hasCarrier: boolean): Promise<void> {
  const parts: Partial<HostLink> = { hasCarrier };
  rig.host.oddities.set('eth1', parts);
  rig.host.onChange?.onLink(rig.host.link('eth1'), false);
  await rig.clock.pass(100);
}

/** A network with a container, after which no server answers. @returns lets it answer again. */
async function cutOff(options: Record<string, string> = {}): Promise<() => void> {
  rig = await rigWithNetwork({ options });
  const { server } = rig.wire;
  if (options['on_no_server'] === undefined) await rig.createEndpoint();
  rig.wire.server = () => [];
  if (options['on_no_server'] !== undefined) {
    const made = rig.createEndpoint();
    await rig.clock.pass(2_000);
    await made;
  }
  await rig.join();
  await carrier(false);
  return () => (rig.wire.server = server);
}

const asked = () => rig.wire.sent.map(({ type }) => type);
const renewed = () => rig.events.filter(({ type }) => type === 'lease.renewed');

it.each([
  ['past T1', 0.6],
  ['past T2', 0.95],
])('a lease that is %s is renewed at once, and not at its next time', async (_, part) => {
  const open = await cutOff();
  await rig.clock.pass(LEASE * part);
  const before = asked().length;
  open();
  await carrier(true);
  expect(asked().slice(before)).toEqual(['REQUEST']);
  expect(renewed()).toHaveLength(1);
});

it('a lease that is not due is not asked for, and a carrier that stays is no news', async () => {
  const open = await cutOff();
  await rig.clock.pass(LEASE * 0.2);
  open();
  const before = asked().length;
  await carrier(true);
  await carrier(true);
  expect(asked().slice(before)).toEqual([]);
});

it('a container that started without a lease has one within a second', async () => {
  const open = await cutOff({ on_no_server: 'late', lease_timeout: '1s', acd: 'off' });
  await rig.clock.pass(600_000);
  open();
  await carrier(true);
  await rig.clock.pass(1_000);
  expect(rig.record().terms.configured?.address).toBe('192.0.2.50');
});

it('containers on another parent are not asked for', async () => {
  const open = await cutOff();
  await rig.clock.pass(LEASE * 0.6);
  const before = asked().length;
  open();
  rig.host.oddities.set('eth2', { hasCarrier: false });
  rig.host.links.add('eth2');
  rig.host.onChange?.onLink(rig.host.link('eth2'), false);
  await rig.clock.pass(100);
  rig.host.oddities.delete('eth2');
  rig.host.onChange?.onLink(rig.host.link('eth2'), false);
  await rig.clock.pass(100);
  expect(asked().slice(before)).toEqual([]);
});
