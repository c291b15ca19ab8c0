/** Leases that change, end, come back or come late, in running containers of a real engine. */
import { describe, expect, it } from 'vitest';
import {
  attachment,
  callPlugin,
  daemonLog,
  docker,
  firewallComesToReach,
  firewallReaches,
  ip,
  lab,
  labWith,
  leases,
  until,
} from '../support/lab/lab.ts';
import { createFw500, runBox, site } from '../support/lab/site.ts';

site();

const inBox = (command: string) => docker('exec', 'box', ...command.split(' '));

/** The address with its prefix length, the gateway and the MTU that the container has now. */
async function boxHas(): Promise<{ address: string; gateway: string; mtu: number }> {
  const address = /inet (\S+)/.exec(await inBox('ip -4 addr show dev eth0'))?.[1] ?? 'none';
  const gateway = /default via (\S+)/.exec(await inBox('ip -4 route'))?.[1] ?? 'none';
  const mtu = Number(await inBox('cat /sys/class/net/eth0/mtu'));
  return { address, gateway, mtu };
}

/** Values that only change if a link is made anew or goes down. */
const linkHistory = async () => [
  await inBox('cat /sys/class/net/eth0/ifindex'),
  await inBox('cat /sys/class/net/eth0/carrier_changes'),
];

interface Status {
  readonly networks: readonly {
    readonly endpoints: readonly {
      readonly address?: string;
      readonly state: string;
      readonly lease?: { readonly address: string; readonly expiresAt: string };
      readonly lost?: { readonly cause: string; readonly at: string };
    }[];
  }[];
}
const boxStatus = async () =>
  ((await callPlugin('VlanDhcp.Status', {})) as unknown as Status).networks[0]!.endpoints[0]!;

describe('renumbering', () => {
  it('another subnet on the VLAN: the running container gets address and gateway there, the old ones go', async () => {
    await labWith({ LEASE: '10' }, 'server-up', 'kea', '500');
    await createFw500();
    await runBox();
    const before = await boxHas();
    expect(before).toMatchObject({ gateway: '10.50.0.1' });
    const history = await linkHistory();
    await lab('server-down');
    await lab('fw', 'ip', 'address', 'add', '10.55.0.1/24', 'dev', 'trunk.500');
    try {
      await labWith({ LEASE: '10', KEA_PREFIX: '10.55.0' }, 'server-up', 'kea', '500');
      await until(
        'the container has moved',
        async () => (await boxHas()).gateway === '10.55.0.1',
        60_000,
      );
      const { address } = await boxHas();
      expect(address).toMatch(/^10\.55\.0\.1\d\d\/24$/);
      expect(await inBox('ip -4 addr show dev eth0')).not.toContain('10.50.0.');
      expect(await inBox('ip -4 route')).not.toContain('10.50.0.');
      await firewallComesToReach(address.split('/')[0]!);
      await inBox('ping -c 1 -W 2 10.99.0.1'); // beyond the segment
      expect(await linkHistory()).toEqual(history);
      expect(await boxStatus()).toMatchObject({ address, state: 'leased' });
      // No call of Docker can report a change. Docker shows the address of the container's start.
      expect(`${(await attachment('box', 'fw500')).address}/24`).toBe(before.address);
    } finally {
      await lab('fw', 'ip', 'address', 'del', '10.55.0.1/24', 'dev', 'trunk.500');
    }
  });

  it('router, route and MTU that change with a renewal, while the address stays', async () => {
    const short = ['--dhcp-option-force=58,5', '--dhcp-option-force=59,100'];
    const server = (...options: string[]) =>
      lab('server-up', 'dnsmasq-no-ping', '500', '--', ...short, ...options);
    await server();
    await createFw500();
    await runBox();
    const before = await boxHas();
    const history = await linkHistory();
    // If a renewal falls between the two servers, it is repeated after half of the time left until
    // T2.
    const renewedWithin = 160_000;
    await lab('server-down');
    await server(
      '--dhcp-option-force=3,10.50.0.2',
      '--dhcp-option-force=26,1400',
      '--dhcp-option-force=121,10.77.0.0/16,10.50.0.3,0.0.0.0/0,10.50.0.2',
    );
    await until(
      'the router has changed',
      async () => (await boxHas()).gateway === '10.50.0.2',
      renewedWithin,
    );
    expect(await boxHas()).toEqual({ ...before, gateway: '10.50.0.2', mtu: 1400 });
    expect(await inBox('ip -4 route')).toContain('10.77.0.0/16 via 10.50.0.3');
    await lab('server-down');
    await server();
    const isBack = async () => (await boxHas()).gateway === '10.50.0.1';
    await until('it is as it was', isBack, renewedWithin);
    expect(await boxHas()).toEqual(before);
    expect(await inBox('ip -4 route')).not.toContain('10.77.0.0');
    expect(await linkHistory()).toEqual(history);
  }, 300_000);
});

describe('a server that is gone for longer than the lease', () => {
  it('the address is taken from the container, and comes back with the server', async () => {
    await labWith({ LEASE: '10' }, 'server-up', 'kea', '500');
    await createFw500();
    await runBox();
    const before = await boxHas();
    const history = await linkHistory();
    await lab('server-down');
    await until('it has no address', async () => (await boxHas()).address === 'none', 60_000);
    expect((await boxHas()).gateway).toBe('none');
    expect(await firewallReaches(before.address.split('/')[0]!)).toBe(false);
    expect(await boxStatus()).toMatchObject({ state: 'no lease', lost: { cause: 'expired' } });
    await labWith({ LEASE: '10' }, 'server-up', 'kea', '500');
    await until('it has an address', async () => (await boxHas()).address !== 'none', 60_000);
    expect(await boxHas()).toEqual(before);
    await firewallComesToReach(before.address.split('/')[0]!);
    expect(await linkHistory()).toEqual(history);
    expect(await boxStatus()).toMatchObject({ address: before.address, state: 'leased' });
  });

  it('on_expiry=keep: the container goes on with it, also over a restart of the plugin', async () => {
    await labWith({ LEASE: '10' }, 'server-up', 'kea', '500');
    await createFw500('on_expiry=keep');
    await runBox();
    const before = await boxHas();
    await lab('server-down');
    const isKept = async () => (await boxStatus()).state === 'no lease, address kept';
    await until('the lease is over', isKept, 60_000);
    expect(await boxHas()).toEqual(before);
    await lab('service-kill');
    await lab('service-up');
    expect(await isKept()).toBe(true);
    await firewallComesToReach(before.address.split('/')[0]!);
    await labWith({ LEASE: '10' }, 'server-up', 'kea', '500');
    await until('it is leased again', async () => (await boxStatus()).state === 'leased', 60_000);
    expect(await boxHas()).toEqual(before);
  });
});

describe('on_no_server', () => {
  it('late: a container starts without an address and gets it when a server comes up', async () => {
    await createFw500('on_no_server=late', 'lease_timeout=2s');
    await runBox();
    expect(await attachment('box', 'fw500')).toMatchObject({ address: '', gateway: '' });
    expect(await boxHas()).toMatchObject({ address: 'none', gateway: 'none' });
    expect(await ip('-br', 'link')).not.toContain('docker_gwbridge');
    expect(await boxStatus()).toMatchObject({ state: 'no lease', lost: { cause: 'no-server' } });
    const history = await linkHistory();
    await lab('server-up', 'dnsmasq-no-ping', '500');
    await until('it has an address', async () => (await boxHas()).address !== 'none', 60_000);
    const { address, gateway } = await boxHas();
    expect(address).toMatch(/^10\.50\.0\.1\d\d\/24$/);
    expect(gateway).toBe('10.50.0.1');
    await firewallComesToReach(address.split('/')[0]!);
    await inBox('ping -c 1 -W 2 10.99.0.2');
    expect(await linkHistory()).toEqual(history);
  });

  it('a container removed before a server came leaves nothing', async () => {
    await createFw500('on_no_server=late', 'lease_timeout=1s');
    await runBox();
    await docker('rm', '-f', 'box');
    await until('the veths are gone', async () => !/^vd[hc]/m.test(await ip('-br', 'link')));
    expect(((await callPlugin('VlanDhcp.Status', {})) as unknown as Status).networks).toMatchObject(
      [{ endpoints: [] }],
    );
  });

  it('link-local: an address of 169.254.0.0/16 stands in, and gives way to the lease (RFC 3927)', async () => {
    await createFw500('on_no_server=link-local', 'lease_timeout=1s', 'client_id={name}');
    const network = 'name=fw500,driver-opt=hostname=pbx,driver-opt=ifname=lan0';
    await docker('run', '-d', '--name', 'box', '--network', network, 'bb');
    await until('it has an address', async () => (await boxHas()).address !== 'none', 60_000);
    const { address, gateway } = await boxHas();
    expect([address, gateway]).toEqual([expect.stringMatching(/^169\.254\.\d+\.\d+\/16$/), 'none']);
    const state = 'no lease, link-local address';
    await until('status has it', async () => (await boxStatus()).state === state);
    await lab('server-up', 'dnsmasq-no-ping', '500');
    await until('it is leased', async () => (await boxStatus()).state === 'leased', 60_000);
    expect((await inBox('ip -4 addr show dev eth0')).match(/inet \S+/g)).toEqual([
      expect.stringMatching(/^inet 10\.50\.0\.1\d\d\/24$/),
    ]);
    expect((await boxHas()).gateway).toBe('10.50.0.1');
    expect(await leases()).toMatch(/ pbx 00:70:62:78$/m);
    expect(await daemonLog('vlandhcp')).toContain('driver-opt ifname has no effect');
  });

  it('a container with a second network keeps the way out it has there', async () => {
    await createFw500('on_no_server=late', 'lease_timeout=1s');
    await docker('network', 'create', 'second');
    await docker('create', '--name', 'box', '--net=second', 'bb');
    await docker('network', 'connect', 'fw500', 'box');
    await docker('start', 'box');
    const { gateway } = await boxHas();
    expect(gateway).not.toBe('none');
    await lab('server-up', 'dnsmasq-no-ping', '500');
    const isAddressed = async () => /inet 10\.50\.0\./.test(await inBox('ip -4 addr'));
    await until('it has the address', isAddressed, 60_000);
    expect((await inBox('ip -4 route')).match(/default via \S+/g)).toEqual([
      `default via ${gateway}`,
    ]);
  });
});
