import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import {
  listEndpointLinks,
  removeEndpointLink,
} from '../../../plugin/net/endpoints/endpoint-links.ts';
import { ensureVethPort } from '../../../plugin/net/endpoints/veth-port.ts';
import { arpFilter } from '../../../plugin/net/sockets/filter.ts';
import { linuxHost } from '../../../plugin/net/host.ts';
import { readLink } from '../../../plugin/net/links/link-info.ts';
import { ensureNetworkLinks } from '../../../plugin/net/links/links.ts';
import { openPacketSocket } from '../../../plugin/net/sockets/packet-socket.ts';
import type { PortRules } from '../../../plugin/vocabulary/port-rules.ts';
import { parseMac } from '../../../plugin/wire/address.ts';
import { addParent, enterSandbox, ip, linkSnapshot, run, until } from '../../support/lab/netns.ts';
import type { Sandbox } from '../../support/lab/netns.ts';

let sandbox: Sandbox;
const MAC = parseMac('02:00:00:00:00:aa')!;
const rules: PortRules = { mode: 'mac', mac: MAC, addresses: [], leases: true, noServer: false };
const spec = { hostEnd: 'vh0', containerEnd: 'vc0', mac: MAC, mtu: 1400, bridge: 'br0', rules };

beforeEach(async () => {
  sandbox = enterSandbox();
  addParent('eth1', 'port1');
  await ensureNetworkLinks({ parent: 'eth1', vlan: undefined, bridge: 'br0', mtu: undefined });
});

afterEach(() => {
  sandbox.dispose();
});

/** A broadcast ARP request for an IPv4 address. */
function arpRequest(
  forAddress: readonly number[],
  sender: readonly number[] = [2, 0, 0, 0, 0, 0x99],
): Uint8Array {
  return Uint8Array.from([
    ...[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, ...sender, 0x08, 0x06],
    ...[0, 1, 0x08, 0, 6, 4, 0, 1, ...sender, 10, 1, 0, 99, 0, 0, 0, 0, 0, 0, ...forAddress],
  ]);
}

/** Below 1280 neither link nor bridge has IPv6, and the kernel forgets the IPv6 settings. */
test('a small MTU that ends, its own or with the port, does not bring the host into the VLAN', async () => {
  const isOff = (link: string) =>
    run('cat', [`/proc/sys/net/ipv6/conf/${link}/disable_ipv6`]).trim() === '1';
  await ensureVethPort({ ...spec, mtu: 1000 });
  expect(await readLink('br0')).toMatchObject({ mtu: 1000 });
  await linuxHost.setLinkMtu('vh0', 1500);
  expect(await readLink('br0')).toMatchObject({ mtu: 1500 });
  expect([isOff('vh0'), isOff('br0')]).toEqual([true, true]);
  await linuxHost.setLinkMtu('vh0', 1000);
  await removeEndpointLink('vh0');
  expect(await readLink('br0')).toMatchObject({ mtu: 1500 });
  expect(isOff('br0')).toBe(true);
});

describe('an endpoint link', () => {
  test('is a veth pair with the MAC and MTU asked for, up, without addresses, in the bridge', async () => {
    const before = linkSnapshot();
    expect(await ensureVethPort(spec)).toEqual([]);
    expect(await readLink('vh0')).toMatchObject({
      kind: 'veth',
      master: 'br0',
      isUp: true,
      mtu: 1400,
      lower: 'vc0',
      alias: 'vlandhcp endpoint',
    });
    expect(await readLink('vc0')).toMatchObject({
      mac: MAC,
      isUp: true,
      mtu: 1400,
      alias: undefined,
    });
    expect((await readLink('vh0'))!.mac).toMatch(/^fe:/);
    for (const end of ['vh0', 'vc0']) {
      expect(ip(`addr show dev ${end}`)).not.toMatch(/inet/);
      expect(ip(`-d link show dev ${end}`)).toContain('addrgenmode none');
    }
    await removeEndpointLink('vh0');
    expect(linkSnapshot()).toEqual(before);
    await removeEndpointLink('vh0');
  });

  test('is found as it is the second time', async () => {
    await ensureVethPort(spec);
    const before = linkSnapshot();
    await ensureVethPort(spec);
    expect(linkSnapshot()).toEqual(before);
  });

  test.each([
    ['MAC', 'link set dev vc0 address 02:00:00:00:00:bb'],
    ['bridge', 'link set dev vh0 nomaster'],
    ['MTU', 'link set dev vh0 mtu 1300'],
    ['state', 'link set dev vc0 down'],
  ])('of ours with another %s is made anew', async (_what, command) => {
    await ensureVethPort(spec);
    ip(command);
    await ensureVethPort(spec);
    expect(await readLink('vc0')).toMatchObject({ mac: MAC, isUp: true, mtu: 1400 });
    expect(await readLink('vh0')).toMatchObject({ master: 'br0', mtu: 1400 });
  });

  test('is refused, and left alone, where one of the names is taken', async () => {
    ip('link add name vh0 type veth peer name other0');
    const before = linkSnapshot();
    await expect(ensureVethPort(spec)).rejects.toThrow(/vh0 exists and is not one of ours/);
    await expect(
      ensureVethPort({ ...spec, hostEnd: 'vh1', containerEnd: 'other0' }),
    ).rejects.toMatchObject({ code: 'LINK_CONFLICT' });
    await removeEndpointLink('vh0');
    expect(linkSnapshot()).toEqual(before);
  });

  test('leaves nothing when the bridge is missing', async () => {
    const before = linkSnapshot();
    await expect(ensureVethPort({ ...spec, bridge: 'br9' })).rejects.toMatchObject({
      code: 'LINK_CONFLICT',
      message: 'bridge br9 has just gone; start the container again',
    });
    expect(linkSnapshot()).toEqual(before);
  });

  test('leaves nothing when the kernel refuses a part of it', async () => {
    const before = linkSnapshot();
    await expect(ensureVethPort({ ...spec, bridge: 'lo' })).rejects.toThrow(
      /^changing links vh0, vc0: E/,
    );
    expect(linkSnapshot()).toEqual(before);
  });

  test('is isolated from other isolated ports where that is wanted', async () => {
    await ensureVethPort({ ...spec, isIsolated: true });
    expect(ip('-d link show dev vh0')).toMatch(/isolated on/);
  });

  test('works with an MTU too small for IPv6', async () => {
    await ensureVethPort({ ...spec, mtu: 1000 });
    expect((await readLink('vc0'))!.mtu).toBe(1000);
  });

  test('moves into a container and is removed from there, with ARP and IPv6 as usual inside', async () => {
    await ensureVethPort(spec);
    expect(await listEndpointLinks()).toEqual([
      { end: 'vh0', containerEndHere: true, bridge: 'br0' },
    ]);
    const container = sandbox.addNamespace();
    ip(`link set dev vc0 netns ${container.name}`);
    container.run(() => {
      ip('link set dev vc0 name eth0');
      ip('link set dev eth0 up');
      for (const setting of ['ipv4/conf/eth0/arp_ignore', 'ipv6/conf/eth0/disable_ipv6']) {
        expect(run('cat', [`/proc/sys/net/${setting}`]).trim()).toBe('0');
      }
      expect(run('tc', ['qdisc', 'show', 'dev', 'eth0'])).not.toContain('ingress');
      expect(ip('-d link show dev eth0')).toContain('addrgenmode eui64');
    });
    expect(await listEndpointLinks()).toEqual([
      { end: 'vh0', containerEndHere: false, bridge: 'br0' },
    ]);
    await expect(ensureVethPort(spec)).rejects.toThrow(/container's namespace/);
    await removeEndpointLink('vh0');
    container.run(() => expect(ip('link show')).not.toContain('eth0'));
    expect(await readLink('vh0')).toBeUndefined();
  });

  test('20 made at once are all right', async () => {
    const specs = Array.from({ length: 20 }, (_, index) => ({
      ...spec,
      hostEnd: `vh${index}`,
      containerEnd: `vc${index}`,
      mac: parseMac(`02:00:00:00:01:${index.toString(16).padStart(2, '0')}`)!,
    }));
    const startedAt = performance.now();
    await Promise.all(specs.map(ensureVethPort));
    const ms = (performance.now() - startedAt) / specs.length;
    process.stdout.write(`endpoint link: ${ms.toFixed(1)} ms each, 20 at once\n`);
    const list = await listEndpointLinks();
    expect(list.map(({ end }) => end).sort()).toEqual(specs.map((s) => s.hostEnd).sort());
    await Promise.all(specs.map(({ hostEnd }) => removeEndpointLink(hostEnd)));
    expect(await listEndpointLinks()).toEqual([]);
  });
});

test('the host answers ARP for its addresses neither on the bridge nor on an endpoint link', async () => {
  ip('addr add 10.1.0.5/32 dev lo'); // an address of the host on another link
  await ensureVethPort(spec);
  const heard: Uint8Array[] = [];
  const port = openPacketSocket({
    link: 'port1',
    netnsPath: undefined,
    filter: arpFilter(),
    promiscuous: true,
    protocol: 'arp',
    onFrame: (frame) => heard.push(frame),
    onError: () => undefined,
  });
  let requests = 0;
  const container = openPacketSocket({
    link: 'vc0',
    netnsPath: undefined,
    filter: arpFilter(),
    promiscuous: false,
    protocol: 'arp',
    onFrame: () => (requests += 1),
    onError: () => undefined,
  });
  const ask = async (count: number): Promise<void> => {
    requests = 0;
    await until('requests cross the bridge', () => {
      port.send(arpRequest([10, 1, 0, 5]));
      return requests >= count;
    });
  };
  try {
    await ask(10);
    expect(heard).toEqual([]);
    // The test can fail: without the precautions the host answers the same request.
    const open = (link: string) =>
      run('sh', [
        '-c',
        `cd /proc/sys/net/ipv4/conf/${link} && echo 0 > arp_ignore && echo 0 > rp_filter && tc qdisc del dev ${link} ingress`,
      ]);
    open('vc0');
    await ask(3);
    await until('the endpoint link answers', () => heard.length > 0);
    run('sh', ['-c', 'echo 8 > /proc/sys/net/ipv4/conf/vc0/arp_ignore']);
    heard.length = 0;
    open('br0');
    ip('link set dev br0 arp on');
    await ask(3);
    await until('the bridge answers', () => heard.length > 0);
  } finally {
    port.close();
    container.close();
  }
});

test('the first frame after the call reaches the uplink', async () => {
  let lost = 0;
  const tries = 20;
  for (let index = 0; index < tries; index += 1) {
    let arrived = 0;
    await ensureVethPort(spec);
    const common = { netnsPath: undefined, filter: arpFilter(), promiscuous: false } as const;
    const port = openPacketSocket({
      ...common,
      link: 'port1',
      protocol: 'arp',
      onFrame: () => (arrived += 1),
      onError: () => undefined,
    });
    const container = openPacketSocket({
      ...common,
      link: 'vc0',
      protocol: 'arp',
      onFrame: () => undefined,
      onError: () => undefined,
    });
    container.send(arpRequest([10, 1, 0, 6], [2, 0, 0, 0, 0, 0xaa]));
    const giveUpAt = performance.now() + 100;
    while (arrived === 0 && performance.now() < giveUpAt) {
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    if (arrived === 0) lost += 1;
    container.close();
    port.close();
    await removeEndpointLink('vh0');
  }
  process.stdout.write(`first frame lost: ${lost} of ${tries}\n`);
  expect(lost).toBe(0);
});
