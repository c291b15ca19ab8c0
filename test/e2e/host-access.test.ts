/**
 * `-o host_access=true` on a real engine: the host reaches its macvlan containers and they reach
 * it, by a link of the host with a leased address of its own. It comes back whatever happens to it,
 * and nothing of it is left with the network.
 */
import { describe, expect, it } from 'vitest';
import {
  attachment,
  callPlugin,
  docker,
  dockerRefuses,
  ip,
  lab,
  leases,
  networkCommand,
  output,
  run,
  until,
} from '../support/lab/lab.ts';
import { site } from '../support/lab/site.ts';

// T1 is 8 s, so that renewals are seen.
site({ server: ['dnsmasq-no-ping', '500', '--', '--dhcp-option-force=58,8'] });

const create = (...options: string[]) =>
  docker(...networkCommand('direct', ['parent=eth1', 'vlan=500', 'mode=macvlan', ...options]));
const runBox = () => docker('run', '-d', '--name', 'box', '--net=direct', 'bb');
const ping = async (address: string) =>
  (await run('ping', ['-c', '1', '-W', '1', address])).status === 0;
const pingFromBox = async (address: string) =>
  (await run('docker', ['exec', 'box', 'ping', '-c', '1', '-W', '1', address])).status === 0;

interface HostStatus {
  readonly link: string;
  readonly mac: string;
  readonly address?: string;
  readonly state: string;
  readonly lease?: { readonly expiresAt: string; readonly renewsAt: string };
}

/** What the plugin says of the host's link. */
async function hostStatus(): Promise<HostStatus> {
  const { networks } = (await callPlugin('VlanDhcp.Status', {})) as unknown as {
    networks: readonly { host?: HostStatus }[];
  };
  const host = networks.find((network) => network.host !== undefined)?.host;
  if (host === undefined) throw new Error(`no network has a link of the host`);
  return host;
}

const addressesOf = async (link: string) => {
  const [shown] = JSON.parse(await output('ip', ['-j', 'addr', 'show', 'dev', link])) as readonly {
    addr_info: readonly { family: string; local: string; prefixlen: number }[];
  }[];
  return shown?.addr_info.map(({ family, local, prefixlen }) => `${family} ${local}/${prefixlen}`);
};

/** Both ways, within the time that a link needs to be made again. */
async function reachEachOther(host: string, box: string): Promise<void> {
  await until(`the host reaches ${box}`, () => ping(box));
  await until(`the container reaches ${host}`, () => pingFromBox(host));
}

it('without it the kernel keeps the host and its macvlan containers apart', async () => {
  await create();
  await runBox();
  const { address } = await attachment('box', 'direct');
  await ip('addr', 'add', '10.50.0.9/24', 'dev', 'eth1.500');
  try {
    expect(await ping(address)).toBe(false);
  } finally {
    await ip('addr', 'del', '10.50.0.9/24', 'dev', 'eth1.500');
  }
});

it('host and container reach each other; the host has one address, no default route and no IPv6 by that link', async () => {
  const routes = await ip('route');
  const resolvers = await output('cat', ['/etc/resolv.conf']);
  await create('host_access=true');
  const { link, mac, address, state } = await hostStatus();
  expect([link, state]).toEqual([expect.stringMatching(/^vdhost[0-9a-f]{8}$/), 'leased']);
  expect(await addressesOf(link)).toEqual([`inet ${address}`]);
  const [own = ''] = (address ?? '').split('/');
  expect(await leases()).toContain(`${mac} ${own} `);
  await runBox();
  await reachEachOther(own, (await attachment('box', 'direct')).address);
  const added = (await ip('route')).split('\n').filter((line) => !routes.includes(line.trim()));
  expect(added).toEqual([expect.stringContaining(`10.50.0.0/24 dev ${link} proto kernel`)]);
  expect(await output('cat', ['/etc/resolv.conf'])).toBe(resolvers);
  await docker('rm', '-f', 'box');
  await docker('network', 'rm', 'direct');
  expect(await ip('route')).toBe(routes);
  await until('the lease is given back', async () => !(await leases()).includes(mac));
});

describe('the link and its lease stay', () => {
  it('over renewals', async () => {
    await create('host_access=true');
    const expiresAt = async () => Date.parse((await hostStatus()).lease?.expiresAt ?? '');
    const before = await expiresAt();
    // A time that is shown twice may differ by some milliseconds.
    await until('it is renewed', async () => (await expiresAt()) > before + 5_000);
    expect((await hostStatus()).state).toBe('leased');
  });

  it('over kill -9 of the plugin; a link of a network that is gone is removed', async () => {
    await create('host_access=true');
    await runBox();
    const before = await hostStatus();
    await lab('service-kill');
    await ip('link', 'add', 'link', 'eth1', 'name', 'vdhost00000000', 'type', 'macvlan');
    await ip('link', 'set', 'vdhost00000000', 'alias', 'vlandhcp host vdhost00000000');
    await lab('service-up');
    await until('the orphan is gone', async () => !(await ip('link')).includes('vdhost00000000'));
    const { link, mac, address } = await hostStatus();
    expect({ link, mac, address }).toEqual({
      ...{ link: before.link, mac: before.mac, address: before.address },
    });
    const [own = ''] = (address ?? '').split('/');
    await reachEachOther(own, (await attachment('box', 'direct')).address);
  });

  it.each([
    ['the VLAN link goes with all that lies on it', (): string => 'eth1.500'],
    ['somebody removes it', (link: string) => link],
  ])('when %s', async (_what, victim) => {
    await create('host_access=true');
    await runBox();
    const { link, address = '' } = await hostStatus();
    await ip('link', 'delete', victim(link));
    await reachEachOther(address.split('/')[0] ?? '', (await attachment('box', 'direct')).address);
    expect(await addressesOf(link)).toEqual([`inet ${address}`]);
  });

  it('when somebody takes it down', async () => {
    await create('host_access=true');
    await runBox();
    const { link, address = '' } = await hostStatus();
    await ip('link', 'set', link, 'down');
    await reachEachOther(address.split('/')[0] ?? '', (await attachment('box', 'direct')).address);
  });
});

it('with our IPAM, over a restart of the engine', async () => {
  const where = ['--ipam-opt', 'parent=eth1', '--ipam-opt', 'vlan=500'];
  const options = ['parent=eth1', 'vlan=500', 'mode=macvlan', 'host_access=true'];
  await docker(
    ...['network', 'create', '-d', 'vlandhcp', '--ipam-driver', 'vlandhcp', ...where],
    ...options.flatMap((option) => ['-o', option]),
    'direct',
  );
  const { address = '' } = await hostStatus();
  await lab('engine-down');
  await lab('engine-up');
  await runBox();
  const box = await attachment('box', 'direct');
  expect(box.address).not.toBe(address.split('/')[0]);
  await reachEachOther(address.split('/')[0] ?? '', box.address);
});

it('a subnet that the host has already is refused in one sentence, and nothing is left', async () => {
  await ip('link', 'add', 'name', 'other', 'type', 'dummy');
  await ip('addr', 'add', '10.50.0.9/24', 'dev', 'other');
  await ip('link', 'set', 'other', 'up');
  try {
    const said = await dockerRefuses(
      ...networkCommand('direct', ['parent=eth1', 'vlan=500', 'mode=macvlan', 'host_access=true']),
    );
    expect(said).toContain(
      'the server of VLAN 500 of eth1 leases 10.50.0.0/24 to the host, which has the route 10.50.0.0/24 of other already',
    );
    expect(await ip('-br', 'link')).not.toMatch(/vdhost|eth1\.500/);
    await until('the lease is given back', async () => (await leases()) === '');
  } finally {
    await ip('link', 'delete', 'other');
  }
});

it('where no server answers, the network is made, and the address comes as soon as one does', async () => {
  await lab('server-down');
  try {
    await create('host_access=true');
    expect((await hostStatus()).state).toBe('no lease');
  } finally {
    await lab('server-up', 'dnsmasq-no-ping', '500', '--', '--dhcp-option-force=58,8');
  }
  await until('the host has its address', async () => (await hostStatus()).state === 'leased');
});
