/** `client_id` and `require_mac` where our IPAM leases the address before the endpoint is made. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BOX, DriverRig, ENDPOINT, refusal } from '../../support/fakes/driver-rig.ts';

const SUBNET = '192.0.2.0/24';
const SECOND = 'f'.repeat(64);

let rig: DriverRig;
let poolId: string;
beforeEach(() => {
  rig = new DriverRig();
});
afterEach(() => {
  rig.stop();
  expect([rig.clock.pending, rig.wire.openSockets.length]).toEqual([0, 0]);
});

const own = async (options: Record<string, string>) => {
  const pool = { pool: SUBNET, options: { parent: 'eth1', vlan: '500', ...options } };
  poolId = await rig.createIpamNetwork({ pool });
};
const clientIds = () =>
  [...rig.server.leases.keys()].map((hex) => Buffer.from(hex, 'hex').toString('latin1'));

describe('client_id', () => {
  it('has the name that engines from 29 tell', async () => {
    await own({ client_id: '{name}.v{vlan}' });
    await rig.requestAddress(poolId, { name: 'web' });
    expect(clientIds()).toEqual(['\0web.v500']);
  });

  it('refuses an address where no engine told a name, and no server is asked', async () => {
    await own({ client_id: '{name}' });
    const asked = rig.wire.sent.length;
    const refused = await refusal(rig.requestAddress(poolId, {}));
    expect(refused.message).toMatch(/^client_id=\{name\} of the network needs a name/);
    expect(rig.wire.sent.length).toBe(asked);
  });

  it('with {mac} needs no name, and the lease is held for no container: the MAC was made up', async () => {
    await own({ client_id: '{mac}' });
    const address = await rig.requestAddress(poolId, { name: 'web' });
    expect(clientIds()).toEqual([`\0${BOX}`]);
    await rig.ipam.releaseAddress(poolId, address.split('/')[0]!);
    expect(rig.registry.holders()).toEqual([]);
  });

  it('under another driver, where containers share a MAC, {mac} is refused', async () => {
    rig.requiresMacAddress = false;
    await rig.restart();
    poolId = await rig.createForeignNetwork({
      pool: SUBNET,
      options: { parent: 'eth1', vlan: '500', client_id: '{mac}' },
    });
    const refused = await refusal(
      rig.requestAddress(poolId, { macAddress: undefined, name: 'web' }),
    );
    expect(refused.message).toMatch(/needs a MAC of the container's own/);
  });
});

describe('require_mac', () => {
  const start = async (endpointId: string, userMac: string | undefined) => {
    const address = await rig.requestAddress(poolId, {});
    const given = { address, macAddress: BOX };
    return rig.createEndpoint({ endpointId, userMac, interface: given });
  };

  it('refuses a MAC that Docker made up, and takes one that a person chose', async () => {
    await own({ require_mac: 'true' });
    expect((await refusal(start(ENDPOINT, undefined))).message).toMatch(
      /^this network has require_mac=true and no MAC was chosen for the container/,
    );
    await expect(start(SECOND, BOX)).resolves.toBeDefined();
  });
});
