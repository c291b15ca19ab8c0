/**
 * Containers without a bridge: macvlan and ipvlan links on a real VLAN link. They are made, found
 * in a container, changed there and removed. What they send is seen, or not, on the trunk.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { linuxHost } from '../../../plugin/net/host.ts';
import { waitUntilReady } from '../../../plugin/net/links/link-ready.ts';
import { probeSandbox } from '../../../plugin/net/sandbox/sandbox-link.ts';
import type { Connection } from '../../../plugin/vocabulary/attachment.ts';
import { parseIpv4 } from '../../../plugin/wire/address.ts';
import { FrameTaps, whatPasses } from '../../support/frames/frame-taps.ts';
import {
  DROPPED,
  DROPPED_IPV6,
  ethernet,
  MAC,
  PASSING,
  PASSING_IPV6,
} from '../../support/frames/guard-frames.ts';
import {
  addParent,
  enterSandbox,
  ip,
  linkSnapshot,
  run,
  until,
  type Sandbox,
  type TestNamespace,
} from '../../support/lab/netns.ts';

const ENDS = { hostEnd: undefined, containerEnd: 'vdc0' };
const MODES = ['macvlan', 'ipvlan'] as const;
const segment = (mode: (typeof MODES)[number]) => ({
  ...{ parent: 'eth1', vlan: 500, mode, bridge: undefined, mtu: undefined },
  guard: 'mac' as const,
});
const CONNECTIONS: Readonly<Record<string, Connection>> = {
  macvlan: { kind: 'macvlan', lower: 'eth1.500', mode: 'bridge' },
  ipvlan: { kind: 'ipvlan', lower: 'eth1.500' },
};

let sandbox: Sandbox;
let container: TestNamespace;
const taps = new FrameTaps();

beforeEach(() => {
  sandbox = enterSandbox();
  addParent('eth1', 'port1');
  ip(`link set dev eth1 address 02:0e:0e:0e:0e:0e`);
});

afterEach(() => {
  taps.close();
  sandbox.dispose();
});

/** Makes the link and moves it as libnetwork does. */
async function attach(mode: (typeof MODES)[number]): Promise<void> {
  const spec = { ...ENDS, mac: MAC, mtu: 1500, connection: CONNECTIONS[mode]! };
  expect(await linuxHost.ensureEndpointLink(spec)).toEqual([]);
  container = sandbox.addNamespace();
  ip(`link set dev vdc0 netns ${container.name}`);
  container.run(() => {
    run('sh', ['-c', 'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6']);
    ip('link set dev vdc0 name eth0 up');
  });
}

describe.each(MODES)('a %s link', (mode) => {
  test('is made, found in its container, changed there, and goes; the host is as before', async () => {
    const before = linkSnapshot();
    await linuxHost.ensureNetworkLinks(segment(mode));
    await linuxHost.ensureEndpointLink({
      ...{ ...ENDS, mac: MAC, mtu: 1500 },
      connection: CONNECTIONS[mode]!,
    });
    expect(await waitUntilReady([ENDS.containerEnd])).toBe(true);
    expect(linuxHost.endpointPresence(ENDS)).toBe('here');
    expect(await linuxHost.listEndpointLinks()).toMatchObject([
      { end: 'vdc0', containerEndHere: true },
    ]);
    await linuxHost.removeEndpointLink(ENDS.containerEnd);
    expect(linuxHost.endpointPresence(ENDS)).toBe('gone');
    await attach(mode);
    const place = { ...ENDS, netnsPath: container.path };
    expect(probeSandbox(place)).toEqual({ link: 'eth0' });
    expect(linuxHost.endpointPresence(ENDS, container.path)).toBe('away');
    expect(await linuxHost.listEndpointLinks()).toEqual([]);
    const to = { address: parseIpv4('10.50.0.100')!, prefixLength: 24 };
    const changes = [
      { type: 'set-mtu', mtu: 1400 },
      { type: 'add-address', to },
    ] as const;
    expect(await linuxHost.changeSandbox(place, changes)).toBe(true);
    const shown = container.run(() => ip('addr show dev eth0'));
    expect(shown).toContain('10.50.0.100/24');
    expect(shown).toContain('mtu 1400');
    // libnetwork moves it back at Leave.
    container.run(() => ip('link set dev eth0 down name vdc0'));
    ip(`-n ${container.name} link set dev vdc0 netns ${process.pid}`);
    expect(linuxHost.endpointPresence(ENDS, container.path)).toBe('here');
    await linuxHost.removeEndpointLink(ENDS.containerEnd);
    const links = { parent: 'eth1', vlan: 500, vlanLink: 'eth1.500', bridge: undefined };
    expect(await linuxHost.removeNetworkLinks({ ...links, uplinkPort: false })).toEqual([]);
    expect(linkSnapshot()).toEqual(before);
  });

  test('another of ours in the same sandbox is not taken for it', async () => {
    await linuxHost.ensureNetworkLinks(segment(mode));
    await attach(mode);
    const other = { hostEnd: undefined, containerEnd: 'vdc1', netnsPath: container.path };
    expect(probeSandbox(other)).toBe('not-yet');
  });

  test('sends to the trunk what is its own, and nothing that makes others believe something else', async () => {
    if (mode === 'ipvlan') ip(`link set dev eth1 address ${MAC}`);
    await linuxHost.ensureNetworkLinks(segment(mode));
    await attach(mode);
    ip('link add link port1 name lan500 type vlan id 500');
    ip('link set dev lan500 up');
    const witness = taps.open('lan500');
    const sender = taps.open('eth0', container.path);
    // There is no end in the host, and requests of the plugin's client leave by the same link.
    const noPort = (what: string) => /host end|a DHCP request|a DHCPv6 client/.test(what);
    const forbidden = [...DROPPED, ...DROPPED_IPV6].filter(([what]) => !noPort(what));
    const passing = [...PASSING, ...PASSING_IPV6];
    expect(await whatPasses(forbidden, sender, witness)).toEqual([]);
    expect(await whatPasses(passing, sender, witness)).toEqual(passing.map(([what]) => what));
  });

  test('the first frame after the call reaches the trunk', async () => {
    if (mode === 'ipvlan') ip(`link set dev eth1 address ${MAC}`);
    await linuxHost.ensureNetworkLinks(segment(mode));
    ip('link add link port1 name lan500 type vlan id 500');
    ip('link set dev lan500 up');
    const witness = taps.open('lan500');
    for (let round = 0; round < 20; round += 1) {
      const spec = { ...ENDS, mac: MAC, mtu: 1500, connection: CONNECTIONS[mode]! };
      await linuxHost.ensureEndpointLink(spec);
      const frame = Uint8Array.from(ethernet(0x88b5, [0xf1, round]));
      taps.open(ENDS.containerEnd).socket.send(frame);
      const sent = Buffer.from(frame).toString('hex');
      await until(`frame ${round} arrives`, () => witness.seen.some((one) => one.startsWith(sent)));
      await linuxHost.removeEndpointLink(ENDS.containerEnd);
    }
  });
});

describe('a link that cannot carry the mode is refused in one sentence', () => {
  const refusal = (mode: (typeof MODES)[number], more: object = {}) =>
    linuxHost.ensureNetworkLinks({ ...segment(mode), ...more }).then(
      () => 'not refused',
      (error: Error) => error.message,
    );

  test('a bridge, and a port of one', async () => {
    ip('link add br0 up type bridge');
    ip('link set eth1 master br0');
    const before = linkSnapshot();
    for (const vlan of [undefined, 500]) {
      expect(await refusal('macvlan', { vlan })).toMatch(/eth1 is a port of bridge br0/);
      expect(await refusal('macvlan', { vlan, parent: 'br0' })).toMatch(/br0 is a bridge/);
    }
    expect(linkSnapshot()).toEqual(before);
  });

  test('another kind of links on it, also if those are in a container', async () => {
    ip('link add link eth1 name eth1.500 up type vlan id 500');
    ip('link add link eth1.500 name v0 type ipvlan mode l2');
    const far = sandbox.addNamespace();
    ip(`link set v0 netns ${far.name}`);
    expect(await refusal('macvlan')).toMatch(/already carries links of another kind/);
    expect(await refusal('ipvlan')).toBe('not refused');
  });

  test('mode=bridge on a VLAN link that carries links of Docker’s own macvlan', async () => {
    ip('link add link eth1 name eth1.500 up type vlan id 500');
    ip('link add link eth1.500 name v0 type macvlan mode bridge');
    const far = sandbox.addNamespace();
    ip(`link set v0 netns ${far.name}`);
    const before = linkSnapshot();
    expect(await refusal('macvlan', { mode: 'bridge', bridge: 'br500' })).toBe(
      "eth1.500 cannot be a port of a bridge while it carries macvlan or ipvlan links (perhaps of a network of Docker's own drivers); take the mode of those with -o mode=, or another VLAN",
    );
    expect(linkSnapshot()).toEqual(before);
  });

  test('a MAC that another macvlan on it has', async () => {
    await linuxHost.ensureNetworkLinks(segment('macvlan'));
    ip(`link add link eth1.500 name v0 address ${MAC} up type macvlan mode bridge`);
    const spec = { ...ENDS, mac: MAC, mtu: 1500, connection: CONNECTIONS['macvlan']! };
    await expect(linuxHost.ensureEndpointLink(spec)).rejects.toThrow(
      /MAC .* is in use on eth1.500/,
    );
    expect(linuxHost.linkExists('vdc0')).toBe(false);
  });
});

test('a VLAN link that somebody else has taken into use stays when the network goes', async () => {
  await linuxHost.ensureNetworkLinks(segment('macvlan'));
  ip('link add link eth1.500 name v0 type macvlan mode bridge');
  const far = sandbox.addNamespace();
  ip(`link set v0 netns ${far.name}`);
  await linuxHost.removeNetworkLinks({
    ...{ parent: 'eth1', vlan: 500, vlanLink: 'eth1.500', bridge: undefined, uplinkPort: false },
  });
  expect(linuxHost.linkExists('eth1.500')).toBe(true);
  far.run(() => expect(ip('link show v0')).toContain('v0'));
});
