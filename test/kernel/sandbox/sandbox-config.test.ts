/** Changes of leases on real links in real namespaces. */
import { spawnSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sandboxChanges, type LinkConfig } from '../../../plugin/endpoints/sandbox-changes.ts';
import type { LeaseTerms } from '../../../plugin/vocabulary/lease.ts';
import { changeSandbox } from '../../../plugin/net/sandbox/sandbox-config.ts';
import { ip as address, lease } from '../../support/frames/messages.ts';
import { createNamespace, ip, type TestNamespace } from '../../support/lab/netns.ts';

let container: TestNamespace;
const place = () => ({ netnsPath: container.path, hostEnd: 'vdh0', containerEnd: 'vdc0' });

const NONE: LinkConfig = { terms: undefined, mtu: 1500 };
const config = (terms: Partial<LeaseTerms> = {}, mtu = 1500): LinkConfig => ({
  terms: lease({ address: address('10.50.0.5'), gateway: address('10.50.0.1'), ...terms }),
  mtu,
});

beforeEach(() => {
  // The host's end stays in this machine's own namespace. /sys shows that one.
  container = createNamespace();
  ip('link add vdh0 type veth peer name vdc0');
  ip('link set vdh0 up');
  ip(`link set vdc0 netns ${container.name} name eth0`);
  inside('link set eth0 up');
  inside('link add other type veth peer name far');
  inside('link set other up');
});
afterEach(() => {
  spawnSync('ip', ['link', 'delete', 'vdh0']);
  container.delete();
});

const inside = (command: string) => container.run(() => ip(command));
const routes = () => inside('-4 route show').trim().split(/ *\n/).filter(Boolean);
const addresses = () =>
  [...inside('-4 -o address show dev eth0').matchAll(/inet (\S+)/g)].map(([, cidr]) => cidr);
const change = (from: LinkConfig, to: LinkConfig, internal = false) =>
  changeSandbox(place(), sandboxChanges(from, to, internal));

/** Configures the link like libnetwork. */
function configure(): void {
  inside('address add 10.50.0.5/24 broadcast 10.50.0.255 dev eth0');
  inside('route add default via 10.50.0.1 dev eth0');
}

describe('a container whose lease changes', () => {
  test('gets its first address late', async () => {
    expect(await change(NONE, config())).toBe(true);
    expect(addresses()).toEqual(['10.50.0.5/24']);
    expect(inside('-4 address show dev eth0')).toContain('brd 10.50.0.255');
    expect(routes()).toEqual([
      'default via 10.50.0.1 dev eth0',
      '10.50.0.0/24 dev eth0 proto kernel scope link src 10.50.0.5',
    ]);
  });

  test('loses its address, and the way out with it', async () => {
    configure();
    await change(config(), NONE);
    expect(addresses()).toEqual([]);
    expect(routes()).toEqual([]);
  });

  test('moves to another subnet', async () => {
    configure();
    const next = { address: address('10.51.0.7'), gateway: address('10.51.0.1') };
    await change(config(), config(next));
    expect(addresses()).toEqual(['10.51.0.7/24']);
    expect(routes()).toEqual([
      'default via 10.51.0.1 dev eth0',
      '10.51.0.0/24 dev eth0 proto kernel scope link src 10.51.0.7',
    ]);
  });

  test('moves within its subnet: a new address there would go with the old one, and with it every route', async () => {
    configure();
    inside('route add 10.9.0.0/16 via 10.50.0.9'); // the container's own
    await change(config(), config({ address: address('10.50.0.6') }));
    expect(addresses()).toEqual(['10.50.0.6/24']);
    expect(routes()).toEqual([
      'default via 10.50.0.1 dev eth0',
      '10.9.0.0/16 via 10.50.0.9 dev eth0',
      '10.50.0.0/24 dev eth0 proto kernel scope link src 10.50.0.6',
    ]);
  });

  test.each([16, 25])('gets a mask of %i on the same address', async (prefixLength) => {
    configure();
    await change(config(), config({ prefixLength }));
    expect(addresses()).toEqual([`10.50.0.5/${prefixLength}`]);
    expect(routes()[0]).toBe('default via 10.50.0.1 dev eth0');
  });

  test('gets a router outside its subnet, and routes', async () => {
    configure();
    const moved = config({
      gateway: address('198.51.100.1'),
      routes: [
        { destination: address('10.9.0.0'), prefixLength: 16, via: address('10.50.0.9') },
        { destination: address('10.8.0.0'), prefixLength: 16, via: undefined },
      ],
    });
    await change(config(), moved);
    expect(routes()).toEqual([
      'default via 198.51.100.1 dev eth0',
      '10.8.0.0/16 dev eth0 scope link',
      '10.9.0.0/16 via 10.50.0.9 dev eth0',
      '10.50.0.0/24 dev eth0 proto kernel scope link src 10.50.0.5',
      '198.51.100.1 dev eth0 scope link',
    ]);
    await change(moved, config());
    expect(routes()).toEqual([
      'default via 10.50.0.1 dev eth0',
      '10.50.0.0/24 dev eth0 proto kernel scope link src 10.50.0.5',
    ]);
  });

  test('--internal: no way out', async () => {
    await change(NONE, config(), true);
    expect(routes()).toEqual(['10.50.0.0/24 dev eth0 proto kernel scope link src 10.50.0.5']);
  });

  test('gets an MTU at both ends of its link, which never loses its carrier', async () => {
    configure();
    const before = inside('-j link show dev eth0');
    await change(config(), config({}, 1400));
    expect(inside('link show dev eth0')).toContain('mtu 1400');
    expect(ip('link show dev vdh0')).toContain('mtu 1400');
    expect(inside('-j link show dev eth0')).toBe(before.replace('"mtu":1500', '"mtu":1400'));
  });
});

describe('what is not ours', () => {
  test('a default route over another link stays, and no second one comes', async () => {
    inside('address add 10.7.0.2/24 dev other');
    inside('route add default via 10.7.0.1 dev other');
    await change(NONE, config());
    await change(config(), config({ gateway: address('10.50.0.2') }));
    await change(config({ gateway: address('10.50.0.2') }), NONE);
    expect(routes()).toEqual([
      'default via 10.7.0.1 dev other linkdown',
      '10.7.0.0/24 dev other proto kernel scope link src 10.7.0.2 linkdown',
    ]);
  });

  test('a route of another link stays, whatever route to the same subnet a server sends', async () => {
    inside('address add 172.18.0.2/16 dev other');
    inside('route add 10.9.0.0/16 via 172.18.0.1 dev other');
    configure();
    const before = routes();
    const via = address('10.50.0.9');
    const taking = config({
      routes: [
        { destination: address('172.18.0.0'), prefixLength: 16, via },
        { destination: address('10.9.0.0'), prefixLength: 16, via },
        { destination: address('10.8.0.0'), prefixLength: 16, via },
      ],
    });
    await change(config(), taking);
    expect(routes().filter((route) => !route.startsWith('10.8.'))).toEqual(before);
    expect(routes()).toContain('10.8.0.0/16 via 10.50.0.9 dev eth0');
    await change(taking, config());
    expect(routes()).toEqual(before);
  });

  test('addresses that somebody added to the link stay', async () => {
    configure();
    inside('address add 192.168.7.7/24 dev eth0');
    await change(config(), NONE);
    expect(addresses()).toEqual(['192.168.7.7/24']);
    expect(routes()).toEqual(['192.168.7.0/24 dev eth0 proto kernel scope link src 192.168.7.7']);
  });
});

describe('repeating', () => {
  const moved = config({ address: address('10.51.0.7'), gateway: address('10.51.0.1') });
  test.each([
    ['another subnet', moved],
    ['the same subnet', config({ address: address('10.50.0.6') })],
    ['nothing', NONE],
  ])('a change to %s that was done already changes nothing', async (_what, next) => {
    configure();
    await change(config(), next);
    const after = [addresses(), routes()];
    await change(config(), next);
    expect([addresses(), routes()]).toEqual(after);
  });

  test('a move within the subnet that was cut short, the new address being the second one', async () => {
    configure();
    inside('address add 10.50.0.6/24 dev eth0');
    inside('address add 10.50.0.6/32 dev eth0');
    await change(config(), config({ address: address('10.50.0.6') }));
    expect(addresses()).toEqual(['10.50.0.6/24']);
    expect(routes()[0]).toBe('default via 10.50.0.1 dev eth0');
  });
});

describe('a container that cannot be changed', () => {
  test('its link is not there yet, or down: libnetwork has not finished', async () => {
    inside('link set eth0 down');
    expect(await change(NONE, config())).toBe(false);
    expect(addresses()).toEqual([]);
  });

  test('it is gone', async () => {
    const gone = { netnsPath: '/run/netns/no-such', hostEnd: 'vdh0', containerEnd: 'vdc0' };
    expect(await changeSandbox(gone, sandboxChanges(NONE, config(), false))).toBe(false);
    ip('link del vdh0');
    expect(await change(NONE, config())).toBe(false);
  });

  test('its sandbox is a file and no namespace, as without a shared /run', async () => {
    const closed = { netnsPath: '/etc/hostname', hostEnd: 'vdh0', containerEnd: 'vdc0' };
    await expect(
      changeSandbox(closed, sandboxChanges(NONE, config(), false)),
    ).rejects.toMatchObject({ code: 'SOCKET_FAILED' });
  });

  test('the kernel refuses: the words of ip are told', async () => {
    const bad = config({}, 70_000);
    await expect(change(NONE, bad)).rejects.toMatchObject({
      code: 'IP_COMMAND_FAILED',
      message: expect.stringMatching(/mtu greater than device maximum/) as string,
    });
  });
});
