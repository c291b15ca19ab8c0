/** What the options of a site mean for a start: who is refused, who is asked, what is shown. */
import { afterEach, describe, expect, it } from 'vitest';
import { OPTION } from '../../../plugin/dhcp4/options.ts';
import {
  BOX,
  DriverRig,
  ENDPOINT,
  refusal as refusalOf,
  SANDBOX,
} from '../../support/fakes/driver-rig.ts';

const OTHER = 'f'.repeat(64);
const refusal = (work: Promise<unknown>) => refusalOf(work).then(({ message }) => message);

let rig: DriverRig;
const start = async (options: Record<string, string>) => {
  rig = new DriverRig();
  await rig.createNetwork({ options: { parent: 'eth1', vlan: '500', acd: 'off', ...options } });
};
afterEach(() => rig.stop());

const sentIds = () =>
  new Set(
    rig.wire.sent.map(({ message }) =>
      Buffer.from(message.options.get(OPTION.CLIENT_ID)!).toString('latin1'),
    ),
  );
const named = (id: string, endpointId = ENDPOINT) =>
  rig.createEndpoint({ endpointId, options: { hostname: id } });

describe('client_id', () => {
  it('is the same in each message of a lease, also after a restart of the plugin', async () => {
    await start({ client_id: '{name}.v{vlan}' });
    await named('pbx');
    await rig.join();
    await rig.restart();
    await rig.clock.pass(2_000_000);
    await rig.driver.leave(ENDPOINT);
    await rig.driver.removeEndpoint(ENDPOINT);
    expect(rig.wire.sent.length).toBeGreaterThan(2);
    expect(sentIds()).toEqual(new Set(['\0pbx.v500']));
  });

  it('gives a container of the same name its lease again, whatever MAC Docker made up', async () => {
    await start({ client_id: '{name}' });
    const { address } = await named('pbx');
    await rig.driver.removeEndpoint(ENDPOINT);
    expect(rig.store.endpoints).toEqual([]);
    const types = rig.wire.sentTypes.length;
    expect((await named('pbx', OTHER)).address).toBe(address);
    expect(rig.wire.sentTypes.slice(types)).toEqual(['REQUEST']);
  });

  it('needs a name, and refuses a start without one', async () => {
    await start({ client_id: '{name}' });
    expect(await refusal(rig.createEndpoint())).toMatch(
      /client_id=\{name\} of the network needs a name/,
    );
    expect(rig.wire.sent).toEqual([]);
  });

  it('refuses a second running container of the name: both would get one address', async () => {
    await start({ client_id: '{name}' });
    await named('pbx');
    await rig.join();
    expect(await refusal(named('pbx', OTHER))).toMatch(
      /^client_id of the network makes "pbx" of this container's name, and the container of endpoint eeeeeeeeeeee \(192\.0\.2\.50\) has that identifier; give one of the two another name$/,
    );
  });
});

describe('client_id, where two would have one identifier', () => {
  const IS_USED = /^client_id of the network makes "pbx" of this container's name, /;

  it('refuses the second of two that start at the same time, in two networks of the segment', async () => {
    await start({ client_id: '{name}' });
    const networkId = 'c'.repeat(64);
    const options = { parent: 'eth1', vlan: '500', acd: 'off', client_id: '{name}' };
    await rig.createNetwork({ networkId, options });
    const made = await Promise.allSettled([
      named('pbx'),
      rig.createEndpoint({ networkId, endpointId: OTHER, options: { hostname: 'pbx' } }),
    ]);
    expect(made.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(String((made[1] as PromiseRejectedResult).reason)).toMatch(
      /the container that is starting has that identifier/,
    );
    expect(rig.server.leases.size).toBe(1);
    await rig.driver.removeEndpoint(ENDPOINT);
    await named('pbx', OTHER); // nothing is claimed any more
  });

  it('refuses a name that a container of another driver has, by the name from Docker', async () => {
    rig = new DriverRig();
    const typed = { parent: 'eth1', vlan: '500', client_id: '{name}' };
    const poolId = await rig.createForeignNetwork({ pool: '192.0.2.0/24', options: typed });
    await rig.requestAddress(poolId, { name: 'pbx' });
    await rig.createNetwork({ options: { ...typed, acd: 'off', mode: 'macvlan' } });
    expect(await refusal(named('pbx'))).toMatch(IS_USED);
    const wearing = rig.createEndpoint({ interface: { macAddress: BOX } });
    expect(await refusal(wearing)).toMatch(/^client_id=\{name\} of the network needs a name/);
  });

  it('refuses a MAC that a container of another driver has', async () => {
    rig = new DriverRig();
    const typed = { parent: 'eth1', vlan: '500' };
    const poolId = await rig.createForeignNetwork({ pool: '192.0.2.0/24', options: typed });
    const address = await rig.requestAddress(poolId, {});
    await rig.createNetwork({ options: { ...typed, acd: 'off', mode: 'macvlan' } });
    const wearing = () => rig.createEndpoint({ interface: { macAddress: BOX } });
    expect(await refusal(wearing())).toBe(
      `MAC ${BOX} is worn by another container on this segment (192.0.2.50); give each its own id or --mac-address`,
    );
    await rig.ipam.releaseAddress(poolId, address.split('/')[0]!);
    expect(await wearing()).toMatchObject({ address: '192.0.2.50/24' });
  });
});

describe('require_mac', () => {
  const SENTENCE =
    'this network has require_mac=true and no MAC was chosen for the container; type --mac-address MAC, or driver-opt id=NAME with --ipam-driver null';

  it('refuses a start without a chosen MAC, before any server is asked', async () => {
    await start({ require_mac: 'true' });
    expect(await refusal(rig.createEndpoint())).toBe(SENTENCE);
    expect(await refusal(rig.createEndpoint({ options: { hostname: 'pbx' } }))).toBe(SENTENCE);
    expect([rig.wire.sent, rig.store.endpoints]).toEqual([[], []]);
  });

  it.each([{ interface: { macAddress: '02:00:00:00:00:c1' } }, { options: { id: 'pbx' } }])(
    'takes %j',
    async (how) => {
      await start({ require_mac: 'true' });
      expect(await rig.createEndpoint(how)).toMatchObject({ address: '192.0.2.50/24' });
    },
  );
});

describe('gateway and routes', () => {
  it('reach the answer to Join and status', async () => {
    await start({ gateway: '192.0.2.254', routes: 'none' });
    await rig.createEndpoint();
    expect(await rig.driver.join(ENDPOINT, SANDBOX)).toMatchObject({
      gateway: '192.0.2.254',
      staticRoutes: [],
    });
    expect(rig.driver.status()[0]!.endpoints[0]).toMatchObject({
      gateway: '192.0.2.254',
      lease: { options: { router: '192.0.2.254' } },
    });
  });

  it('a gateway of another subnet fails the start, and the sentence names the option', async () => {
    await start({ gateway: '10.0.0.1', lease_timeout: '2s' });
    const refused = refusal(rig.createEndpoint());
    await rig.clock.pass(2_000);
    expect(await refused).toMatch(
      /the OFFER of 192\.0\.2\.1 is for 192\.0\.2\.50\/24, where no host can have the gateway that -o gateway= names; correct gateway=, or leave it out$/,
    );
  });
});

it('dhcp_deny: the sentence names the server that answered, and the log says it once', async () => {
  await start({ dhcp_deny: '192.0.2.1', lease_timeout: '2s' });
  const refused = refusal(rig.createEndpoint());
  await rig.clock.pass(2_000);
  expect(await refused).toMatch(
    /^no DHCP server answered but those of dhcp_deny on VLAN 500 of eth1 in 2 s: .*; 192\.0\.2\.1 answered and is never taken: take it out of dhcp_deny, or see why the right server is silent$/,
  );
  expect(rig.log.messages('warn')).toEqual(['offer of a server that is in dhcp_deny ignored']);
});

describe('ifname', () => {
  it('is DstName in the answer to Join, and stays after a restart', async () => {
    await start({});
    await rig.createEndpoint({ options: { ifname: 'lan0' } });
    await rig.restart();
    expect(await rig.driver.join(ENDPOINT, SANDBOX)).toMatchObject({ dstName: 'lan0' });
  });

  it('an engine that does not apply it: this is told once', async () => {
    await start({});
    await rig.createEndpoint({ options: { ifname: 'lan0' } });
    await rig.join();
    const told = () => rig.log.messages('warn').filter((text) => text.includes('29.8'));
    expect(told()).toHaveLength(1); // the stand-in for libnetwork calls it eth0
    rig.endpoints.sandboxEntered(rig.store.endpoints[0]!.leaseId, 'eth0');
    expect(told()).toEqual([
      'driver-opt ifname has no effect with this engine: Docker Engine 29.8 and newer apply it',
    ]);
  });
});

it('a name that is known later: turned into a host name, and told to the server at once', async () => {
  await start({});
  await rig.createEndpoint();
  await rig.join();
  await rig.clock.pass(5_000);
  const before = rig.wire.sent.length;
  const { leaseId } = rig.store.endpoints[0]!;
  rig.leases.rename(leaseId, 'Web_1');
  rig.leases.rename(leaseId, 'web-1');
  await rig.clock.pass(100);
  const sent = rig.wire.sent.slice(before);
  expect(sent.map(({ type }) => type)).toEqual(['REQUEST']);
  expect(Buffer.from(sent[0]!.message.options.get(OPTION.HOST_NAME)!).toString()).toBe('web-1');
});
