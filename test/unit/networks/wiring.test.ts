/**
 * The reconciler over a fake host. It repairs once what the kernel reports, and shows if somebody
 * undoes its repairs.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ownEnd } from '../../../plugin/vocabulary/attachment.ts';
import type { HostLink } from '../../../plugin/host.ts';
import { rigWithNetwork, type DriverRig } from '../../support/fakes/driver-rig.ts';

let rig: DriverRig;
beforeEach(async () => {
  rig = await rigWithNetwork();
  await rig.createEndpoint();
  await rig.restart();
  rig.log.lines.length = 0;
});
afterEach(() => rig.stop());

const port = () => ownEnd(rig.record());
const mended = () => rig.log.lines.filter(({ message }) => message === 'wiring mended');

/** The kernel changes a link and reports it. */
async function change(name: string, parts: Partial<HostLink>): Promise<void> {
  rig.host.oddities.set(name, { ...rig.host.oddities.get(name), ...parts });
  rig.host.onChange?.onLink(rig.host.link(name), false);
  await rig.clock.pass(500);
}

async function remove(name: string): Promise<void> {
  const gone = rig.host.link(name);
  rig.host.links.delete(name);
  rig.host.onChange?.onLink(gone, true);
  await rig.clock.pass(500);
}

describe('a change that the kernel tells', () => {
  it('a port out of its bridge is put back, with one line', async () => {
    await change(port(), { master: undefined });
    expect(rig.host.count('attachPort')).toBe(1);
    expect(mended().map(({ fields }) => fields['seen'])).toEqual(['no port of br500']);
  });

  it('a VLAN link that is down', async () => {
    const before = rig.host.count('ensureNetworkLinks');
    await change('eth1.500', { isUp: false });
    expect(rig.host.count('ensureNetworkLinks')).toBe(before + 1);
    expect(mended()).toHaveLength(1);
  });

  it('a bridge that is removed comes back, and its ports with it', async () => {
    await change(port(), { master: 99 });
    rig.host.oddities.set(port(), { master: 99 });
    await remove('br500');
    expect(rig.host.links.has('br500')).toBe(true);
    expect(rig.host.link(port()).master).toBe(rig.host.indexOf('br500'));
  });

  it('what changes nothing for a network starts no look', async () => {
    const before = rig.host.count('readLinks');
    rig.host.onChange?.onLink(rig.host.link('eth1'), false);
    rig.host.links.add('docker0');
    rig.host.onChange?.onLink(rig.host.link('docker0'), false);
    await change(port(), { hasCarrier: false, lower: undefined }); // the container's end goes
    await change(port(), { hasCarrier: true, lower: 77 }); // and comes
    expect(rig.host.count('readLinks')).toBe(before);
  });

  it('a port that goes with its container starts no look', async () => {
    const before = rig.host.count('readLinks');
    // The kernel takes the link down and its filter off first.
    rig.host.onChange?.onLink({ ...rig.host.link(port()), isUp: false, lower: 0 }, false);
    rig.host.onChange?.onFilterGone(rig.host.indexOf(port()));
    await remove(port());
    expect(rig.host.count('readLinks')).toBe(before);
    await change('eth1.500', { isUp: false });
    expect(mended()).toHaveLength(1); // and later changes are looked at
  });

  it('a port that goes together with its bridge keeps no look from being made', async () => {
    rig.host.onChange?.onFilterGone(rig.host.indexOf(port()));
    const gone = rig.host.link(port());
    rig.host.links.delete(port());
    rig.host.onChange?.onLink(gone, true);
    await remove('br500');
    expect(rig.host.links.has('br500')).toBe(true);
  });

  it('more than could be told: everything is looked at', async () => {
    rig.host.oddities.set(port(), { isUp: false });
    rig.host.onChange?.onLost();
    await rig.clock.pass(500);
    expect(mended()).toHaveLength(1);
  });

  it('a filter that was taken off is put back', async () => {
    rig.host.guards.clear();
    rig.host.onChange?.onFilterGone(rig.host.indexOf(port()));
    await rig.clock.pass(500);
    expect(rig.host.guards.get(port())?.mode).toBe('mac');
    const before = rig.host.count('protectNetwork');
    rig.host.onChange?.onFilterGone(rig.host.indexOf('br500'));
    await rig.clock.pass(500);
    expect(rig.host.count('protectNetwork')).toBe(before + 1);
    rig.host.onChange?.onFilterGone(12345);
    await rig.clock.pass(500);
    expect(rig.log.messages('info').filter((one) => one === 'protection put back')).toHaveLength(2);
  });

  it('a parent that goes down is named once, and said to be back by the next change of it only', async () => {
    await change('eth1', { isUp: false });
    await change('eth1', { isUp: false, mtu: 1400 });
    const told = rig.log.lines.filter(({ message }) => message === 'network cut off on this host');
    expect(told.map(({ fields }) => fields['seen'])).toEqual([
      'parent link eth1 is down; bring it up with: ip link set eth1 up',
    ]);
  });
});

it('an MTU that the parent has now reaches the VLAN link, the network and its containers', async () => {
  await rig.join();
  rig.host.moveIntoSandbox(port());
  rig.sandbox = { link: 'eth0' };
  await rig.clock.pass(3_000);
  rig.host.oddities.set('eth1.500', { mtu: 1400 });
  await change('eth1', { mtu: 1400 });
  await rig.clock.pass(5_000);
  expect(rig.registry.networks()[0]?.mtu).toBe(1400);
  expect(rig.host.sandboxChanges).toContainEqual({ type: 'set-mtu', mtu: 1400 });
  expect(rig.record().mtu).toBe(1400);
});

it('somebody who undoes it again and again is told of, and not fought: once every 30 s', async () => {
  for (let time = 0; time < 20; time += 1) await change(port(), { isUp: false });
  expect(rig.host.count('attachPort')).toBe(5);
  const fights = rig.log.messages('warn').filter((one) => one.startsWith('somebody undoes'));
  expect(fights).toHaveLength(1);
  await rig.clock.pass(60_000);
  expect(rig.host.count('attachPort')).toBe(6);
});

it('what cannot be mended is told once, and does not keep the rest from being mended', async () => {
  rig.host.failing.set('ensureNetworkLinks', new Error('no'));
  await change('eth1.500', { isUp: false });
  rig.host.onChange?.onLost();
  await rig.clock.pass(500);
  expect(
    rig.log.messages('error').filter((one) => one.startsWith('wiring not mended')),
  ).toHaveLength(1);
});

it('what failed is tried again, and its next failure is told like the first', async () => {
  rig.host.failing.set('attachPort', new Error('no'));
  await change(port(), { isUp: false });
  await rig.clock.pass(10_000);
  expect(rig.host.count('attachPort')).toBeLessThanOrEqual(5); // after 0, 1, 3, 7 s
  expect(rig.log.messages('warn').filter((one) => one.startsWith('somebody'))).toEqual([]);
  rig.host.failing.delete('attachPort');
  await rig.clock.pass(31_000);
  expect(mended()).toHaveLength(1);
  rig.host.failing.set('attachPort', new Error('no'));
  await change(port(), { isUp: false });
  const errors = rig.log.messages('error').filter((one) => one.startsWith('wiring not mended'));
  expect(errors).toHaveLength(2);
});

it('a kernel that cannot be listened to is tried again, and looked at in the meantime', async () => {
  rig.host.failing.set('watchLinks', new Error('EMFILE'));
  await rig.restart();
  await rig.clock.pass(1_000);
  rig.host.oddities.set(port(), { isUp: false });
  await rig.clock.pass(6_000);
  expect(mended()).toHaveLength(1);
  rig.host.failing.delete('watchLinks');
  await rig.clock.pass(6_000);
  await change(port(), { isUp: false });
  expect(mended()).toHaveLength(2);
  const told = rig.log
    .messages('error')
    .filter((one) => one.startsWith('the kernel does not report changes of links'));
  expect(told).toHaveLength(1);
  const looks = rig.host.count('readLinks');
  await rig.clock.pass(60_000);
  expect(rig.host.count('readLinks')).toBe(looks);
});

it('a network that is being removed is left to whoever removes it', async () => {
  const before = rig.host.count('ensureNetworkLinks');
  await rig.networks.closing(rig.record().networkId);
  await remove('br500');
  expect(rig.host.count('ensureNetworkLinks')).toBe(before);
  expect(rig.log.messages('warn')).toEqual([]);
});

it('a filter is put back also when the links could not be read the first time', async () => {
  rig.host.failing.set('readLinks', new Error('ENOBUFS'));
  rig.host.onChange?.onFilterGone(rig.host.indexOf(port()));
  rig.host.guards.clear();
  await rig.clock.pass(500);
  rig.host.failing.delete('readLinks');
  await rig.clock.pass(6_000);
  expect(rig.host.guards.get(port())?.mode).toBe('mac');
});

it('more than could be told: every filter is put back', async () => {
  rig.host.guards.clear();
  const before = rig.host.count('protectNetwork');
  rig.host.onChange?.onLost();
  await rig.clock.pass(500);
  expect(rig.host.guards.get(port())?.mode).toBe('mac');
  expect(rig.host.count('protectNetwork')).toBe(before + 1);
});

it('what is mended at once is not told as a trouble', async () => {
  await change('eth1.500', { isUp: false });
  expect(mended()).toHaveLength(1);
  expect(rig.log.messages('warn')).toEqual([]);
});

it('at a start the links are looked at, and protected', async () => {
  rig.host.oddities.set(port(), { master: undefined });
  const before = rig.host.count('protectNetwork');
  await rig.restart();
  await rig.clock.pass(100);
  expect(rig.host.count('protectNetwork')).toBe(before + 1);
  expect(rig.host.link(port()).master).toBe(rig.host.indexOf('br500'));
});
