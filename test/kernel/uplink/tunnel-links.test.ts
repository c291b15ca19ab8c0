/** The tunnel between a hub and its members, on real WireGuard and VXLAN: what it carries. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { proves } from '../../support/uplink/acceptance.ts';
import { hubLinks } from '../../../plugin/hub/kernel/hub-links.ts';
import { memberLinks } from '../../../plugin/uplink/kernel/tunnel-links.ts';
import { existsSync } from 'node:fs';
import { linuxHost } from '../../../plugin/net/host.ts';
import { ensureNetworkLinks } from '../../../plugin/net/links/links.ts';
import { removeNetworkLinks } from '../../../plugin/net/links/remove-links.ts';
import { run, until, type TestNamespace } from '../../support/lab/netns.ts';
import { batch, inside, pings, TunnelSite } from '../../support/uplink/tunnel-site.ts';
import { pingSteadily, transfer, watchKernel } from '../../support/uplink/tunnel-traffic.ts';

let site: TunnelSite;

beforeAll(() => {
  site = new TunnelSite();
});

afterEach(() => site.clear());

afterAll(() => site.dispose());

const links = (where: TestNamespace) =>
  where.run(() => run('ip', ['-o', 'link', 'show'])).replace(/ state .*/g, '');
/** Packets that this namespace has cut into fragments. */
const cut = (where: TestNamespace) => {
  const rows = where.run(() => run('grep', ['^Ip:', '/proc/thread-self/net/snmp'])).split('\n');
  const [names = [], values = []] = rows.map((row) => row.split(' '));
  return Number(values[names.indexOf('FragCreates')]);
};

test('a container behind NAT leases an address of the site, and both reach each other with 1500 bytes', async () => {
  await site.startDnsmasq();
  await site.up({ laptop: [500, 600] });
  const container = await site.container('laptop', 500);
  const address = site.lease(container);
  expect(address).toMatch(/^10\.50\.0\.1[0-5]\d$/);
  expect(pings(container, '10.50.0.1')).toBe(3);
  for (const [from, to] of [
    [container, '10.50.0.1'],
    [site.site, address],
  ] as const) {
    expect(pings(from, to, 3, '-M', 'do', '-s', '1472')).toBe(3);
  }
});

/** 100 MB. */
const MEBIBYTES = 96;

test('a bulk transfer is never cut: the hub clamps the segments of TCP', async () => {
  await site.up({ laptop: [500] });
  const container = await site.container('laptop', 500, '10.50.0.100');
  expect(pings(container, '10.50.0.1')).toBe(3);
  const before = cut(site.hub) + cut(site.members.laptop);
  for (const [server, client, address] of [
    [site.site, container, '10.50.0.1'],
    [container, site.site, '10.50.0.100'],
  ] as const) {
    const copied = await transfer(server, client, address, MEBIBYTES);
    expect(copied).toBe(MEBIBYTES * 1024 * 1024);
  }
  const pieces = cut(site.hub) + cut(site.members.laptop) - before;
  expect(pieces).toBe(0);
  // The counter can count: a packet of 1500 bytes is cut at both ends.
  expect(pings(container, '10.50.0.1', 1, '-s', '1472')).toBe(1);
  expect(cut(site.hub) + cut(site.members.laptop) - before).toBeGreaterThanOrEqual(4);
  proves('shows-100-mb', `${MEBIBYTES} MiB each way`, `${pieces} fragments`);
});

test('bulk data is divided only in front of WireGuard, and no checksum is made that WireGuard makes needless', async () => {
  await site.up({ laptop: [500] });
  const container = await site.container('laptop', 500, '10.50.0.100');
  expect(pings(container, '10.50.0.1')).toBe(3);
  const sent = (link: string) => {
    const said = site.members.laptop.run(() => run('ip', ['-s', '-j', 'link', 'show', link]));
    return (
      (JSON.parse(said) as { stats64: { tx: { packets: number } } }[])[0]?.stats64.tx.packets ?? 0
    );
  };
  const before = { trunk: sent('uplink0'), tunnel: sent('wg-uplink0') };
  await transfer(container, site.site, '10.50.0.100', 8);
  const tunnel = sent('wg-uplink0') - before.tunnel;
  expect(tunnel).toBeGreaterThan(6000); // 8 MiB in segments of 1326 bytes
  expect(sent('uplink0') - before.trunk).toBeLessThan(tunnel / 3);
  for (const [where, link] of [
    [site.hub, 'vdu2'],
    [site.members.laptop, 'uplink0'],
  ] as const) {
    expect(where.run(() => run('ip', ['-d', 'link', 'show', 'dev', link]))).toMatch(/ noudpcsum /);
  }
});

test('ensuring what is there already changes nothing, and mending the rules costs no packet', async () => {
  await site.up({ laptop: [500], cloud: [600] });
  const container = await site.container('laptop', 500, '10.50.0.100');
  expect(pings(container, '10.50.0.1')).toBe(3);
  const steady = pingSteadily(container, '10.50.0.1');
  const seen = [site.hub, site.members.laptop].map((where) => watchKernel(where));
  for (let round = 0; round < 3; round += 1) {
    await site.ensureHub({ laptop: [500], cloud: [600] });
    await site.ensureMember('laptop', [500]);
  }
  expect(seen.map((one) => one.stop())).toEqual(['', '']);
  // Somebody has changed the rules, so all of them are replaced.
  const rules = () => site.hub.run(() => run('nft', ['-s', 'list', 'ruleset']));
  const right = rules();
  site.hub.run(() => run('nft', ['flush', 'chain', 'inet', 'vlandhcp_vdhub', 'tunnel']));
  expect(rules()).not.toBe(right);
  await site.ensureHub({ laptop: [500], cloud: [600] });
  expect(rules()).toBe(right);
  const { sent, received } = await steady.stop();
  expect(received).toBe(sent);
});

test('a member that joins is made as a look at all makes it, and nothing else is looked at', async () => {
  await site.up({ laptop: [500] });
  const made = site.hubDesired({ laptop: [500] });
  const desired = site.hubDesired({ laptop: [500], cloud: [500] });
  const shown = (name: string) =>
    site.hub.run(() => run('ip', ['-d', '-o', 'link', 'show', 'dev', name]));
  batch(site.hub, ['link set vdu2 mtu 1400']);
  await inside(site.hub, () => hubLinks.ensure(desired, { tunnel: made, ports: made }));
  expect(shown('vdu2')).toContain(' mtu 1400 ');
  await site.ensureMember('cloud', [500]);
  await site.handshake('cloud');
  const container = await site.container('cloud', 500, '10.50.0.110');
  expect(pings(container, '10.50.0.1')).toBe(3);
  // The look finds what somebody else has changed, and nothing that the join has left.
  batch(site.hub, ['link set vdu2 mtu 1500']);
  const seen = watchKernel(site.hub);
  await inside(site.hub, () => hubLinks.ensure(desired));
  expect(seen.stop()).toBe('');
  batch(site.hub, ['link set vdu2 mtu 1400']);
  await inside(site.hub, () => hubLinks.ensure(desired));
  expect(shown('vdu2')).toContain(' mtu 1500 ');
});

test('where the kernel is not as it was made, a change looks at all of it', async () => {
  await site.up({ laptop: [500] });
  const made = site.hubDesired({ laptop: [500] });
  const desired = site.hubDesired({ laptop: [500], cloud: [500] });
  batch(site.hub, ['link set eth1.500 nomaster', 'link del vdhub']);
  await inside(site.hub, () => hubLinks.ensure(desired, { tunnel: made, ports: made }));
  for (const name of ['laptop', 'cloud'] as const) {
    await site.ensureMember(name, [500]);
    await inside(site.members[name], () => memberLinks.revive(site.memberDesired(name, [500])));
    await site.handshake(name);
  }
  const container = await site.container('cloud', 500, '10.50.0.110');
  expect(pings(container, '10.50.0.1')).toBe(3);
});

test('a revoked member sends no frame any more, and a VLAN that is taken away is gone; others are unharmed', async () => {
  await site.up({ laptop: [500, 600], cloud: [500] });
  const on500 = await site.container('laptop', 500, '10.50.0.100');
  const on600 = await site.container('laptop', 600, '10.60.0.100');
  const other = await site.container('cloud', 500, '10.50.0.110');
  for (const [from, to] of [
    [on500, '10.50.0.1'],
    [on600, '10.60.0.1'],
    [other, '10.50.0.1'],
  ] as const) {
    expect(pings(from, to)).toBe(3);
  }
  const steady = pingSteadily(other, '10.50.0.1');
  await site.ensureHub({ laptop: [500], cloud: [500] });
  expect(pings(on600, '10.60.0.1')).toBe(0);
  expect(pings(on500, '10.50.0.1')).toBe(3);
  expect(links(site.hub)).not.toMatch(/vdu2\.600|br600|eth1\.600/);
  await site.ensureHub({ cloud: [500] });
  expect(pings(on500, '10.50.0.1')).toBe(0);
  expect(links(site.hub)).not.toMatch(/vdu2/);
  const { sent, received } = await steady.stop();
  expect(received).toBe(sent);
  proves(
    'shows-vlan-others',
    'another member is pinged all the time',
    `${sent - received} of ${sent} lost`,
  );
});

test('removing the hub and a member leaves no link, rule, process or file behind', async () => {
  const all = [site.hub, site.members.laptop];
  const before = all.map(links);
  await site.up({ laptop: [500, 600], cloud: [500] });
  await site.container('laptop', 500, '10.50.0.100');
  await site.clear();
  expect(all.map(links)).toEqual(before);
  for (const where of all) expect(where.run(() => run('nft', ['list', 'ruleset']))).toBe('');
  // Gone already is no error.
  await inside(site.hub, () => hubLinks.remove('vdhub'));
  await inside(site.members.laptop, () => memberLinks.remove('uplink0'));
});

test('the carrier of the trunk follows the hub, and the alias says since when it is silent', async () => {
  await site.up({ laptop: [500] });
  const laptop = site.members.laptop;
  await site.container('laptop', 500, '10.50.0.100');
  const shown = (name: string) => laptop.run(() => run('ip', ['-d', 'link', 'show', 'dev', name]));
  await inside(laptop, () => memberLinks.setCarrier('uplink0', false));
  expect(shown('uplink0')).toMatch(/NO-CARRIER[^]*protodown on[^]*vlans 500 down since 20\d\d-/);
  expect(shown('uplink0.500')).toMatch(/NO-CARRIER|LOWERLAYERDOWN/);
  expect(await inside(laptop, () => linuxHost.silentUplink('uplink0'))).toMatchObject({
    site: 'hq',
  });
  const first = /down since (\S+)/.exec(shown('uplink0'))?.[1];
  await site.ensureMember('laptop', [500, 600], false);
  expect(shown('uplink0')).toContain(`vlans 500,600 down since ${first}`);
  await site.ensureMember('laptop', [500]);
  expect(shown('uplink0')).not.toMatch(/NO-CARRIER|protodown on|down since/);
  expect(await inside(laptop, () => linuxHost.silentUplink('uplink0'))).toBeUndefined();
});

test('the plugin refuses a VLAN that the uplink does not carry, and takes a bridge with members for its own VLAN only', async () => {
  await site.up({ laptop: [500] });
  const refusal = (
    where: TestNamespace,
    parent: string,
    vlan: number | undefined,
    bridge: string,
  ) =>
    inside(where, () => ensureNetworkLinks({ parent, vlan, bridge, mtu: undefined })).then(
      () => 'none',
      (error: unknown) => (error as Error).message,
    );
  const { laptop } = site.members;
  expect(await refusal(laptop, 'uplink0', 700, 'br700')).toBe(
    'the uplink uplink0 to hq carries VLANs 500, and not VLAN 700; set -o vlan= to one of them, or type at the hub: vlandhcp hub vlans',
  );
  expect(await refusal(laptop, 'uplink0', undefined, 'br0')).toContain('and not untagged frames');
  expect(await refusal(site.hub, 'eth1', 500, 'br500')).toBe('none');
  expect(await refusal(site.hub, 'eth1', 600, 'br500')).toContain('would join it with eth1.600');
  // The last network of the plugin leaves the bridge to the members.
  const ours = { parent: 'eth1', vlan: 500, vlanLink: 'eth1.500', bridge: 'br500' };
  await inside(site.hub, () => removeNetworkLinks(ours));
  const container = await site.container('laptop', 500, '10.50.0.100');
  expect(pings(container, '10.50.0.1')).toBe(3);
});

test('a VXLAN of somebody else on the same port is named', async () => {
  batch(site.hub, ['link add other type vxlan id 7 remote 10.1.1.1 dstport 4790']);
  try {
    await expect(site.ensureHub({ laptop: [500] })).rejects.toThrow(
      'vdu2 needs UDP port 4790, which link other has',
    );
  } finally {
    batch(site.hub, ['link del other']);
  }
});

test('where the kernel has no WireGuard, wireguard-go carries the trunk, and ends with its link', async () => {
  const { laptop } = site.members;
  laptop.run(() => run('wireguard-go', ['wg-uplink0']));
  await site.ensureHub({ laptop: [500] });
  batch(laptop, ['link set wg-uplink0 alias "vlandhcp tunnel"']);
  await site.ensureMember('laptop', [500]);
  await site.handshake('laptop');
  const container = await site.container('laptop', 500, '10.50.0.100');
  expect(pings(container, '10.50.0.1')).toBe(3);
  expect(await inside(laptop, () => memberLinks.status('uplink0'))).toMatchObject({
    kind: 'wireguard-go',
  });
  await inside(laptop, () => memberLinks.remove('uplink0'));
  await until('wireguard-go has ended', () => !existsSync('/run/wireguard/wg-uplink0.sock'));
});
