/**
 * The modes without a bridge, over a fake host: which links are made, where a lease is asked for,
 * what is refused, what a restart finds, and what happens when the link below goes.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { settled } from '../../support/time/fake-clock.ts';
import { parseMac } from '../../../plugin/wire/address.ts';
import {
  ENDPOINT,
  NOTHING_LEFT,
  refusal,
  rigWithNetwork,
  SANDBOX,
  type DriverRig,
} from '../../support/fakes/driver-rig.ts';

const mac = (text: string) => parseMac(text)!;
let rig: DriverRig;
afterEach(() => rig.stop());

const start = async (options: Record<string, string>) => {
  rig = await rigWithNetwork({ options });
};
const OTHER = 'o'.repeat(64);
const createOther = (options: Record<string, string>) =>
  refusal(
    rig.createNetwork({
      networkId: OTHER,
      options: { parent: 'eth1', vlan: '500', ...options },
    }),
  );

describe.each(['macvlan', 'ipvlan'])('mode=%s', (mode) => {
  it('makes the VLAN link and no bridge, and no firewall rule', async () => {
    await start({ mode });
    expect([...rig.host.links]).toEqual(['eth1', 'eth1.500']);
    expect(rig.host.rules.size).toBe(0);
  });

  it('a container has one link, a lease, and leaves nothing', async () => {
    await start({ mode });
    await rig.createEndpoint();
    const { hostEnd, containerEnd, lease } = rig.record();
    expect([hostEnd, lease?.address]).toEqual([undefined, '192.0.2.50']);
    expect(rig.host.linkExists(containerEnd)).toBe(true);
    await rig.endpoints.remove(ENDPOINT);
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('a restart finds a running container by its sandbox, and keeps its lease', async () => {
    await start({ mode });
    await rig.createEndpoint();
    await rig.join();
    await rig.restart();
    expect(rig.record().sandboxKey).toBe(SANDBOX);
    expect(rig.leases.size).toBe(1);
  });

  it('a restart after a boot, with the sandbox gone, clears the endpoint', async () => {
    await start({ mode });
    await rig.createEndpoint();
    await rig.join();
    rig.host.sandboxes.clear();
    await rig.restart();
    expect(rig.registry.endpoints()).toEqual([]);
  });

  it('when the link below is another than before, a running container gets its link again', async () => {
    await start({ mode });
    await rig.createEndpoint();
    await rig.join();
    await rig.clock.pass(2_000);
    const { containerEnd } = rig.record();
    rig.host.endpoints.delete(containerEnd); // the kernel takes it along
    const gone = rig.host.link('eth1.500');
    rig.host.links.delete('eth1.500');
    rig.host.forgetIndex('eth1.500');
    rig.host.onChange?.onLink(gone, true);
    await rig.clock.pass(5_000);
    expect(rig.host.linkExists('eth1.500')).toBe(true);
    expect(rig.host.count('remakeEndpointLink')).toBe(1);
    expect(rig.host.sandboxChanges).toContainEqual({
      type: 'add-address',
      to: { address: '192.0.2.50', prefixLength: 24 },
    });
    expect(rig.record().terms.configured?.address).toBe('192.0.2.50');
  });

  it('a container whose MTU the kernel changes with that of the link below gets its own again', async () => {
    await start({ mode, mtu: '1450' });
    await rig.createEndpoint();
    await rig.join();
    await rig.clock.pass(2_000);
    const mtus = () => rig.host.sandboxChanges.filter(({ type }) => type === 'set-mtu');
    for (const mtu of [1400, 1500]) {
      rig.host.oddities.set('eth1', { mtu });
      rig.host.oddities.set('eth1.500', { mtu });
      rig.host.onChange?.onLink(rig.host.link('eth1.500'), false);
      await rig.clock.pass(100);
      expect(mtus().at(-1)).toEqual({ type: 'set-mtu', mtu: Math.min(mtu, 1450) });
    }
    // The record says 1450. It was not changed while the kernel changed the link.
    const told = mtus().length;
    rig.host.oddities.set('eth1.500', { mtu: 1460 });
    rig.host.oddities.set('eth1', { mtu: 1460 });
    rig.host.onChange?.onLink(rig.host.link('eth1.500'), false);
    await rig.clock.pass(100);
    expect(mtus().slice(told)).toEqual([{ type: 'set-mtu', mtu: 1450 }]);
  });

  it('killed right after its link was made again: the next start configures it', async () => {
    await start({ mode });
    await rig.createEndpoint();
    await rig.join();
    await rig.clock.pass(2_000);
    rig.host.endpoints.delete(rig.record().containerEnd);
    rig.host.remakeEndpointLink = ({ containerEnd, mtu }) => {
      rig.host.endpoints.set(containerEnd, { containerEnd, here: false, mtu });
      return new Promise(() => undefined);
    };
    rig.host.forgetIndex('eth1.500');
    rig.host.onChange?.onLink(rig.host.link('eth1.500'), false);
    await rig.clock.pass(100);
    expect(rig.record().terms.configured).toBeUndefined();
    await rig.restart();
    await rig.clock.pass(5_000);
    expect(rig.host.sandboxChanges).toContainEqual({
      type: 'add-address',
      to: { address: '192.0.2.50', prefixLength: 24 },
    });
    expect(rig.record().terms.configured?.address).toBe('192.0.2.50');
  });

  it('a link that the container has set down keeps what it was given', async () => {
    await start({ mode });
    await rig.createEndpoint();
    await rig.join();
    await rig.clock.pass(2_000);
    const before = rig.record().terms.configured;
    rig.host.isInSandbox = () => false;
    rig.host.remakeEndpointLink = () => Promise.resolve(undefined);
    rig.host.forgetIndex('eth1.500');
    rig.host.onChange?.onLink(rig.host.link('eth1.500'), false);
    await rig.clock.pass(100);
    expect(before?.address).toBe('192.0.2.50');
    expect(rig.record().terms.configured).toEqual(before);
  });

  it('no link is tried again after the plugin is stopped', async () => {
    await start({ mode });
    await rig.createEndpoint();
    await rig.join();
    await rig.clock.pass(2_000);
    rig.host.endpoints.delete(rig.record().containerEnd);
    let fail: (error: Error) => void = () => undefined;
    rig.host.remakeEndpointLink = () => new Promise((_, reject) => (fail = reject));
    rig.host.forgetIndex('eth1.500');
    rig.host.onChange?.onLink(rig.host.link('eth1.500'), false);
    await rig.clock.pass(100);
    rig.stop();
    fail(new Error('no memory'));
    await settled();
    expect(rig.clock.pending).toBe(0);
  });

  it('a link that cannot be made again is tried again, and said once per try', async () => {
    await start({ mode });
    await rig.createEndpoint();
    await rig.join();
    await rig.clock.pass(2_000);
    rig.host.endpoints.delete(rig.record().containerEnd);
    rig.host.failing.set('remakeEndpointLink', new Error('no memory'));
    rig.host.forgetIndex('eth1.500');
    rig.host.onChange?.onLink(rig.host.link('eth1.500'), false);
    await rig.clock.pass(15_000);
    expect(rig.log.messages('error').length).toBeGreaterThan(0);
    expect(rig.host.sandboxChanges).toEqual([]);
    rig.host.failing.clear();
    await rig.clock.pass(15_000);
    expect(rig.host.sandboxChanges).not.toEqual([]);
    expect(rig.record().terms.configured?.address).toBe('192.0.2.50');
  });

  it('says once, when it is created, what it cannot guard', async () => {
    await start({ mode });
    expect(rig.log.messages('warn')).toEqual([
      expect.stringMatching(/^the kernel checks what containers send only where it leaves by/),
    ]);
  });
});

it('ipvlan: containers share the MAC of the link, have clients of their own, and take no MAC', async () => {
  await start({ mode: 'ipvlan' });
  const second = 'f'.repeat(64);
  expect(await rig.createEndpoint()).toMatchObject({ macAddress: undefined });
  await rig.createEndpoint({ endpointId: second });
  expect(rig.record().mac).toBe(rig.record(second).mac);
  expect(rig.record().clientId).not.toBe(rig.record(second).clientId);
  const wish = { interface: { macAddress: '02:00:00:00:00:aa' }, endpointId: 'a'.repeat(64) };
  expect((await refusal(rig.createEndpoint(wish))).message).toContain('leave out --mac-address');
});

it('ipvlan: another MAC of the link below is known also while no link can be made', async () => {
  await start({ mode: 'ipvlan' });
  await rig.createEndpoint();
  await rig.join();
  await rig.clock.pass(2_000);
  rig.host.isInSandbox = () => false;
  rig.host.remakeEndpointLink = () => Promise.resolve(undefined);
  rig.host.macs.set('eth1.500', mac('02:0e:0e:0e:0e:77'));
  rig.host.onChange?.onLink(rig.host.link('eth1.500'), false);
  await rig.clock.pass(100);
  expect(rig.record().mac).toBe('02:0e:0e:0e:0e:77');
});

it('ipvlan: another MAC of the link below is the MAC of containers and their clients from then on', async () => {
  await start({ mode: 'ipvlan' });
  await rig.createEndpoint();
  await rig.join();
  await rig.clock.pass(2_000);
  const { clientId, lease } = rig.record();
  rig.host.macs.set('eth1.500', mac('02:0e:0e:0e:0e:77'));
  rig.host.onChange?.onLink(rig.host.link('eth1.500'), false);
  await rig.clock.pass(2_000);
  expect(rig.record()).toMatchObject({ mac: '02:0e:0e:0e:0e:77', clientId, lease });
  expect(rig.host.count('protectNetwork')).toBeGreaterThan(0);
  expect(rig.leases.size).toBe(1);
});

describe('refused in one sentence', () => {
  it.each([
    [{}, 'already has network nnnnnnnnnnnn of mode=macvlan'],
    [{ mode: 'ipvlan' }, 'already has network nnnnnnnnnnnn of mode=macvlan'],
  ])('beside mode=macvlan: %j', async (options, words) => {
    await start({ mode: 'macvlan' });
    expect(await createOther(options)).toEqual({
      code: 'LINK_CONFLICT',
      message: expect.stringContaining(words) as string,
    });
  });

  it.each([
    [{ mode: 'macvlan', guard: 'full' }, 'guard=full checks each container'],
    [{ mode: 'macvlan', bridge: 'br9' }, 'bridge belongs to mode=bridge'],
    [{ macvlan_mode: 'vepa' }, 'macvlan_mode belongs to mode=macvlan'],
    [{ mode: 'macvlan', macvlan_mode: 'vepa', isolate: 'true' }, 'isolate=true means'],
    [{ mode: 'vlan' }, 'is not one of bridge, macvlan, ipvlan'],
  ])('%j', async (options, words) => {
    rig = await rigWithNetwork();
    const { message } = await createOther({ vlan: '600', ...options });
    expect(message).toContain(words);
    expect(rig.registry.networks()).toHaveLength(1);
  });

  it('a guard of its own for a container without a port', async () => {
    await start({ mode: 'macvlan' });
    const { message } = await refusal(rig.createEndpoint({ options: { guard: 'off' } }));
    expect(message).toContain('is for a port of a bridge');
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('another isolation on one ipvlan link', async () => {
    await start({ mode: 'ipvlan' });
    expect((await createOther({ mode: 'ipvlan', isolate: 'true' })).message).toContain('isolate');
  });
});

it('ipvlan: a server that goes by the MAC alone is named at the second container, whose lease is not given back', async () => {
  await start({ mode: 'ipvlan' });
  rig.server.goesByMac = true;
  await rig.createEndpoint();
  const { lease } = rig.record();
  const second = await refusal(rig.createEndpoint({ endpointId: 'f'.repeat(64) }));
  expect(second.code).toBe('ADDRESS_IN_USE');
  expect(second.message).toMatch(/goes by the MAC alone .* or mode=macvlan/);
  expect(rig.wire.sent.filter(({ type }) => type === 'RELEASE')).toEqual([]);
  expect(rig.record().lease?.address).toBe(lease?.address);
});
