import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ipv4Value, OPTION } from '../../../plugin/dhcp4/options.ts';
import {
  BOX,
  DriverRig,
  ENDPOINT,
  ipamNetwork,
  NETWORK,
  NOTHING_LEFT,
} from '../../support/fakes/driver-rig.ts';
import { ip } from '../../support/frames/messages.ts';

let rig: DriverRig;
beforeEach(() => void (rig = new DriverRig()));
afterEach(() => rig.stop());

describe('what comes late, or in another order', () => {
  it("ReleaseAddress of a container that is gone does not end another's lease of the same address", async () => {
    const poolId = await rig.createIpamNetwork();
    const given = await rig.requestAddress(poolId);
    await rig.createEndpoint({ interface: { address: given, macAddress: BOX } });
    await rig.driver.removeEndpoint(ENDPOINT);
    // The server at once leases the address to another client.
    expect(await rig.requestAddress(poolId)).toBe(given);
    const [address = ''] = given.split('/');
    await rig.ipam.releaseAddress(poolId, address);
    expect(rig.registry.addresses()).toHaveLength(1);
    await rig.ipam.releaseAddress(poolId, address);
    expect(rig.registry.addresses()).toEqual([]);
  });

  it('two networks made at one moment have each other’s pools, and containers start on both', async () => {
    const [first, second] = [await rig.requestPool(), await rig.requestPool()];
    const other = 'o'.repeat(64);
    await rig.createNetwork(ipamNetwork(first.pool)); // uses the newer pool
    await rig.createNetwork({ ...ipamNetwork(second.pool), networkId: other });
    const given = await rig.requestAddress(first.poolId);
    await rig.createEndpoint({ interface: { address: given, macAddress: BOX } });
    expect(rig.record().networkId).toBe(NETWORK);
  });

  it('a network of ours whose pool was lost goes on with a pool made again from the PoolID', async () => {
    const poolId = await rig.createIpamNetwork();
    await rig.store.delete('pools', rig.registry.pools()[0]!.id);
    await rig.restart();
    const given = await rig.requestAddress(poolId);
    await rig.createEndpoint({ interface: { address: given, macAddress: BOX } });
    expect(rig.record().addressGiven).toBe(true);
  });

  it('so does a network of another driver, and learns its router from the next lease', async () => {
    rig.stop();
    rig = new DriverRig({ server: { options: [[OPTION.ROUTER, ipv4Value(ip('192.0.2.254'))]] } });
    const poolId = await rig.createForeignNetwork({ pool: '' });
    expect(rig.registry.pools()[0]).toMatchObject({ gateway: { from: 'server' } });
    await rig.store.delete('pools', rig.registry.pools()[0]!.id);
    await rig.restart();
    await rig.requestAddress(poolId);
    const gateway = { address: '192.0.2.254', from: 'server' };
    expect([rig.registry.pools(), rig.store.contents.pools]).toMatchObject([
      [{ gateway }],
      [{ gateway }],
    ]);
  });

  it('an address that was leased while its pool went is given back', async () => {
    const poolId = await rig.createForeignNetwork();
    const held = rig.held.endScope.bind(rig.held);
    let leased: Promise<string> | undefined;
    rig.held.endScope = async (id) => {
      leased ??= rig.requestAddress(poolId);
      await leased;
      await held(id);
    };
    await rig.ipam.releasePool(poolId);
    expect([rig.leftovers, rig.poolsLeft]).toEqual([NOTHING_LEFT, []]);
  });

  it('a restart right after a lease does not take a container that starts for one that is gone', async () => {
    const poolId = await rig.createForeignNetwork();
    await rig.requestAddress(poolId);
    rig.host.sandboxAddresses = new Set([rig.registry.addresses()[0]!.address]);
    await rig.addresses.clearAbandoned();
    expect(rig.store.addresses[0]?.wasSeen).toBe(true);
    rig.host.sandboxAddresses = new Set();
    await rig.restart();
    expect(rig.registry.addresses()).toHaveLength(1);
  });

  it('what a pool that cannot be read has leased is left alone, and told', async () => {
    const poolId = await rig.createForeignNetwork();
    await rig.requestAddress(poolId);
    await rig.store.delete('pools', rig.registry.pools()[0]!.id);
    rig.isStoreComplete = false;
    await rig.restart();
    expect(rig.registry.addresses()).toHaveLength(1);
    expect(rig.log.messages('error')).toContain(
      'address of a missing or unreadable pool left alone',
    );
  });

  it("after a reboot of the host another driver's container is gone for certain, seen or not", async () => {
    const poolId = await rig.createForeignNetwork();
    await rig.requestAddress(poolId);
    rig.clock.bootId = 'another boot';
    rig.host.removeSegmentLink('eth1.500');
    await rig.restart();
    expect(rig.registry.addresses()).toEqual([]);
    expect(rig.registry.held()).toHaveLength(1); // kept until its link is back to send RELEASE
  });
});
