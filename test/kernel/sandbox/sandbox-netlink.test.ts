/**
 * The plugin changes a container's link by rtnetlink. The result is compared with what `ip` makes.
 * The link is watched meanwhile.
 */
import { spawnSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Route } from '../../../plugin/vocabulary/lease.ts';
import {
  changeSandbox,
  openSandbox,
  takeSteps,
  type OpenSandbox,
} from '../../../plugin/net/sandbox/sandbox-config.ts';
import type { SandboxStep } from '../../../plugin/net/sandbox/sandbox-steps.ts';
import type { SandboxChange } from '../../../plugin/vocabulary/sandbox-change.ts';
import { ip as address } from '../../support/frames/messages.ts';
import {
  createNamespace,
  currentNamespace,
  ip,
  openDescriptors,
  run,
  type TestNamespace,
} from '../../support/lab/netns.ts';

let container: TestNamespace;
let other: TestNamespace;

beforeEach(() => {
  container = createNamespace();
  other = createNamespace();
  connect('vdh0', container);
  connect('vdh1', other);
});
afterEach(() => {
  for (const hostEnd of ['vdh0', 'vdh1']) spawnSync('ip', ['link', 'delete', hostEnd]);
  container.delete();
  other.delete();
});

function connect(hostEnd: string, namespace: TestNamespace): void {
  ip(`link add ${hostEnd} type veth peer name vdc0`);
  ip(`link set ${hostEnd} up`);
  ip(`link set vdc0 netns ${namespace.name}`);
  namespace.run(() => {
    ip('link set vdc0 name eth0');
    ip('link set eth0 up');
  });
}

const place = () => ({ netnsPath: container.path, hostEnd: 'vdh0', containerEnd: 'vdc0' });
const change = (...changes: readonly SandboxChange[]) => changeSandbox(place(), changes);
const inside = (command: string) => container.run(() => ip(command));
const batch = (namespace: TestNamespace, lines: readonly string[]) =>
  namespace.run(() => run('ip', ['-batch', '-'], `${lines.join('\n')}\n`));
const route = (destination: string, prefixLength: number, via?: string): Route => ({
  destination: address(destination),
  prefixLength,
  via: via === undefined ? undefined : address(via),
});
const at = (text: string, prefixLength: number) => ({ address: address(text), prefixLength });

/** All that `ip` prints of addresses and routes, in every table. */
function shown(namespace: TestNamespace): unknown {
  const json = (command: string) => JSON.parse(namespace.run(() => ip(command))) as unknown;
  const [link] = json('-j -d -4 address show dev eth0') as [Record<string, unknown>?];
  return {
    addresses: link?.['addr_info'] ?? [],
    mtu: (json('-j link show dev eth0') as [{ mtu: number }])[0].mtu,
    routes: json('-j -d -4 route show table all'),
  };
}

describe('what the kernel has afterwards is what ip makes of the same', () => {
  const ADDRESS = 'address replace 10.50.0.5/24 broadcast + dev eth0';
  const DEFAULT = 'route replace default via 10.50.0.1 dev eth0';
  const add: SandboxChange = { type: 'add-address', to: at('10.50.0.5', 24) };
  const gateway: SandboxChange = { type: 'set-gateway', via: address('10.50.0.1') };

  test.each<[string, readonly SandboxChange[], readonly string[]]>([
    ['an address', [add], [ADDRESS]],
    ...[32, 31, 30, 16, 8].map((length): [string, readonly SandboxChange[], readonly string[]] => [
      `an address with a mask of ${length}`,
      [{ type: 'add-address', to: at('10.50.0.5', length) }],
      [`address replace 10.50.0.5/${length} broadcast + dev eth0`],
    ]),
    ['a router', [add, gateway], [ADDRESS, DEFAULT]],
    [
      'a router outside the subnet, on the link',
      [
        add,
        { type: 'set-route', route: route('198.51.100.1', 32) },
        { type: 'set-gateway', via: address('198.51.100.1') },
      ],
      [
        ADDRESS,
        'route replace 198.51.100.1/32 dev eth0',
        'route replace default via 198.51.100.1 dev eth0',
      ],
    ],
    [
      'classless routes, one of them in another place than before',
      [
        add,
        { type: 'set-route', route: route('10.8.0.0', 16) },
        { type: 'set-route', route: route('10.9.0.0', 16, '10.50.0.8') },
        { type: 'set-route', route: route('10.9.0.0', 16, '10.50.0.9') },
      ],
      [
        ADDRESS,
        'route replace 10.8.0.0/16 dev eth0',
        'route replace 10.9.0.0/16 via 10.50.0.9 dev eth0',
      ],
    ],
    ['an MTU', [{ type: 'set-mtu', mtu: 1400 }, add], ['link set dev eth0 mtu 1400', ADDRESS]],
  ])('%s', async (_what, changes, lines) => {
    batch(other, lines);
    expect(await change(...changes)).toBe(true);
    expect(shown(container)).toEqual(shown(other));
    expect(await change(...changes)).toBe(true); // a second time changes nothing
    expect(shown(container)).toEqual(shown(other));
  });

  test('removing routes and address leaves nothing', async () => {
    const before = shown(container);
    await change(add, gateway, { type: 'set-route', route: route('10.8.0.0', 16) });
    await change(
      { type: 'remove-gateway', via: address('10.50.0.1') },
      { type: 'remove-route', route: route('10.8.0.0', 16) },
      { type: 'remove-address', from: at('10.50.0.5', 24) },
    );
    expect(shown(container)).toEqual(before);
  });

  test('a route is removed with its metric and TOS; one like it by way of an IPv6 router stays', async () => {
    await change(add);
    const before = shown(container);
    inside('route add 10.9.0.0/16 via 10.50.0.9 metric 50 tos 0x10 dev eth0');
    await change({ type: 'remove-route', route: route('10.9.0.0', 16, '10.50.0.9') });
    expect(shown(container)).toEqual(before);
    inside('route add 10.8.0.0/16 via inet6 fe80::1 dev eth0');
    await change({ type: 'remove-route', route: route('10.8.0.0', 16) });
    expect(inside('route show 10.8.0.0/16')).toContain('via inet6 fe80::1');
  });

  test('one among thousands is found', async () => {
    await change(add);
    const many = Array.from({ length: 3000 }, (_, n) => `10.${100 + (n >> 8)}.${n & 255}.0/24`);
    batch(
      container,
      many.map((subnet) => `route add ${subnet} via 10.50.0.9 dev eth0`),
    );
    const last = route('10.111.183.0', 24, '10.50.0.9');
    await change({ type: 'remove-route', route: last });
    expect(inside('route show 10.111.183.0/24')).toBe('');
    expect(inside('route show').trim().split('\n')).toHaveLength(many.length);
  });
});

describe('what happens to a container meanwhile', () => {
  let sandbox: OpenSandbox | undefined;
  afterEach(() => {
    sandbox?.socket.close();
    sandbox = undefined;
  });
  const opened = (): OpenSandbox => {
    sandbox = openSandbox(place());
    if (sandbox === undefined) throw new Error('the sandbox was not opened');
    return sandbox;
  };
  const removeAddress: SandboxStep = { type: 'remove-address', address: at('10.50.0.5', 24) };
  const addAddress: SandboxStep = { type: 'add-address', address: at('10.50.0.5', 24) };

  test('an address and a route that are to go have gone already: that is fine', async () => {
    const open = opened();
    const gone = {
      ...{ destination: address('10.9.0.0'), prefixLength: 16, via: address('10.50.0.9') },
      ...{ link: open.link.index, metric: 0, tos: 0, isKernels: false },
    };
    await takeSteps(open, [removeAddress, { type: 'remove-route', route: gone }, addAddress]);
    expect(inside('-4 address show dev eth0')).toContain('10.50.0.5/24');
  });

  test('the link is renamed: it is known by its index', async () => {
    const open = opened();
    inside('link set eth0 name lan0');
    await takeSteps(open, [addAddress]);
    expect(inside('-4 address show dev lan0')).toContain('10.50.0.5/24');
  });

  test('the link goes: that is an error, whatever is done to it', async () => {
    const open = opened();
    ip('link delete vdh0');
    const steps: readonly SandboxStep[] = [
      addAddress,
      { type: 'set-mtu', mtu: 1400 },
      { type: 'set-route', route: route('10.9.0.0', 16) },
    ];
    for (const step of steps) {
      await expect(takeSteps(open, [step])).rejects.toMatchObject({ code: 'ENODEV' });
    }
  });

  test('the namespace loses its name: what was begun ends inside, and the next change finds none', async () => {
    const open = opened();
    const [here, descriptors] = [currentNamespace(), openDescriptors()];
    container.delete();
    await takeSteps(open, [addAddress]);
    expect(await change({ type: 'add-address', to: at('10.50.0.5', 24) })).toBe(false);
    expect([currentNamespace(), openDescriptors()]).toEqual([here, descriptors]);
    expect(ip('-4 address show')).not.toContain('10.50.0.5');
  });
});

describe('a change that fails', () => {
  test('stops there, says at which step and why, and leaves no descriptor', async () => {
    const [here, descriptors] = [currentNamespace(), openDescriptors()];
    const failing = change(
      { type: 'add-address', to: at('10.50.0.5', 24) },
      { type: 'set-route', route: route('10.9.0.0', 16, '203.0.113.1') },
      { type: 'set-gateway', via: address('10.50.0.1') },
    );
    await expect(failing).rejects.toMatchObject({
      code: 'IP_COMMAND_FAILED',
      message: expect.stringMatching(
        /^in \S+: setting route 10\.9\.0\.0\/16 via 203\.0\.113\.1 on link eth0: ENETUNREACH \(.*gateway.*\)$/,
      ) as string,
    });
    expect(inside('-4 address show dev eth0')).toContain('10.50.0.5/24');
    expect(inside('route show default')).toBe('');
    expect([currentNamespace(), openDescriptors()]).toEqual([here, descriptors]);
  });

  test('a sandbox that is no namespace cannot be entered', async () => {
    const closed = { netnsPath: '/etc/hostname', hostEnd: 'vdh0', containerEnd: 'vdc0' };
    expect(() => openSandbox(closed)).toThrow('sandbox /etc/hostname cannot be entered');
    await expect(changeSandbox(closed, [])).rejects.toMatchObject({ code: 'SOCKET_FAILED' });
  });
});
