import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BOX, DriverRig, ENDPOINT, ipamNetwork, NETWORK } from '../../support/driver-rig.ts';

let rig: DriverRig;
beforeEach(() => void (rig = new DriverRig()));
afterEach(() => rig.stop());

describe('what comes late, or in another order', () => {
  it("ReleaseAddress of a container that is gone does not end another's lease of the same address", async () => {
    const poolId = await rig.createIpamNetwork();
    const given = await rig.requestAddress(poolId);
    await rig.createEndpoint({ interface: { address: given, macAddress: BOX } });
    await rig.driver.removeEndpoint(ENDPOINT);
    // The server gives the address away at once.
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
    await rig.createNetwork(ipamNetwork(first.pool)); // takes the newer pool
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

  it("after a reboot of the host another driver's container is gone for certain, seen or not", async () => {
    const poolId = await rig.createForeignNetwork();
    await rig.requestAddress(poolId);
    rig.clock.bootId = 'another boot';
    rig.host.removeSegmentLink('eth1.500');
    await rig.restart();
    expect(rig.registry.addresses()).toEqual([]);
    expect(rig.registry.held()).toHaveLength(1); // until its link is back, and somebody can be told
  });
});
