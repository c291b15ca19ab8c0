import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { PluginError } from '../../../plugin/vocabulary/errors.ts';
import type { ErrorCode } from '../../../plugin/vocabulary/errors.ts';
import type { NetworkLinkSpec } from '../../../plugin/net/links/link-checks.ts';
import { readLink } from '../../../plugin/net/links/link-info.ts';
import { ensureNetworkLinks } from '../../../plugin/net/links/links.ts';
import { removeNetworkLinks } from '../../../plugin/net/links/remove-links.ts';
import {
  addParent,
  enterSandbox,
  ip,
  linkNames,
  linkSnapshot,
  mayLeaveOutVlans,
  run,
} from '../../support/lab/netns.ts';
import type { Sandbox } from '../../support/lab/netns.ts';

const withoutVlans = mayLeaveOutVlans();
let sandbox: Sandbox;

beforeEach(() => {
  sandbox = enterSandbox();
  addParent('eth1', 'port1');
});

afterEach(() => {
  sandbox.dispose();
});

function spec(changes: Partial<NetworkLinkSpec> = {}): NetworkLinkSpec {
  return { parent: 'eth1', vlan: undefined, bridge: 'br0', mtu: undefined, ...changes };
}
const tagged = (changes: Partial<NetworkLinkSpec> = {}) => spec({ vlan: 500, ...changes });

/** Expects a refusal with that code and those words. Expects that no link has changed. */
async function expectRefusal(
  wanted: NetworkLinkSpec,
  code: ErrorCode,
  ...words: (string | RegExp)[]
): Promise<void> {
  const before = linkSnapshot();
  const error: unknown = await ensureNetworkLinks(wanted).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(PluginError);
  expect(error).toMatchObject({ code });
  for (const word of words) expect((error as Error).message).toMatch(word);
  expect(linkSnapshot()).toEqual(before);
}

/** A setting of a link below /proc/sys/net. */
const setting = (path: string): string => run('cat', [`/proc/sys/net/${path}`]).trim();

test('a renamed parent and the link that has its name now are not joined', async () => {
  ip('link add link eth1 name lan1 type macvlan');
  ip('link set dev lan1 up');
  await ensureNetworkLinks(spec({ parent: 'lan1' }));
  ip('link set dev lan1 down');
  ip('link set dev lan1 name old1');
  ip('link set dev old1 up');
  ip('link add link eth1 name lan1 type macvlan');
  ip('link set dev lan1 up');
  await expectRefusal(
    spec({ parent: 'lan1' }),
    'LINK_CONFLICT',
    'bridge br0 of lan1 has port old1, which is a macvlan, and would join it with the lan1 there is now',
    'ip link set old1 nomaster',
  );
});

describe('a parent that cannot be used', () => {
  test('is missing', async () => {
    await expectRefusal(spec({ parent: 'eth9' }), 'PARENT_LINK_MISSING', 'eth9', /eth1/);
  });

  test('is down', async () => {
    ip('link set dev eth1 down');
    await expectRefusal(spec(), 'PARENT_LINK_UNUSABLE', 'eth1 is down', 'ip link set eth1 up');
  });

  test('is the loopback link', async () => {
    await expectRefusal(spec({ parent: 'lo' }), 'PARENT_LINK_UNUSABLE', 'loopback');
  });

  test('has no carrier: only a warning', async () => {
    ip('link set dev port1 down');
    const { warnings } = await ensureNetworkLinks(spec());
    expect(warnings.join()).toMatch(/eth1 has no carrier/);
  });

  test.each(['10.1.0.5/24', '169.254.7.7/16', '2001:db8::5/64', 'fd00::5/64'])(
    'carries the address %s of the host, and the network is untagged',
    async (address) => {
      ip(`addr add ${address} dev eth1`);
      await expectRefusal(spec(), 'PARENT_LINK_UNUSABLE', address, 'untagged', '-o vlan=');
    },
  );

  test('carries a default route of the host, and the network is untagged', async () => {
    ip('route add default dev eth1');
    await expectRefusal(spec(), 'PARENT_LINK_UNUSABLE', 'the IPv4 default route');
    ip('route del default dev eth1');
    ip('-6 route add default dev eth1');
    await expectRefusal(spec(), 'PARENT_LINK_UNUSABLE', 'the IPv6 default route');
  });

  test('is a port of another bridge', async () => {
    ip('link add name br9 type bridge');
    ip('link set dev eth1 master br9');
    await expectRefusal(spec(), 'PARENT_LINK_UNUSABLE', 'port of bridge br9', '-o bridge=br9');
    await expectRefusal(tagged(), 'PARENT_LINK_UNUSABLE', 'port of bridge br9', '-o parent=br9');
  });

  test('is a bridge itself, and the network is untagged', async () => {
    ip('link add name br9 type bridge');
    ip('link set dev br9 up');
    await expectRefusal(spec({ parent: 'br9' }), 'PARENT_LINK_UNUSABLE', 'is a bridge');
  });

  test('has a smaller MTU than asked for', async () => {
    await expectRefusal(spec({ mtu: 9000 }), 'INVALID_OPTION', '9000', '1500', 'eth1');
  });

  test.each(['', 'a b', '../x', 'all', 'sixteen-chars-xx', 'x;reboot'])(
    'has the impossible name %j',
    async (name) => {
      await expectRefusal(spec({ parent: name }), 'INVALID_OPTION', '-o parent=');
      await expectRefusal(spec({ bridge: name }), 'INVALID_OPTION', '-o bridge=');
    },
  );

  test.each([0, 4095, -1, 1.5, Number.NaN])('VLAN id %d', async (vlan) => {
    await expectRefusal(spec({ vlan }), 'INVALID_OPTION', 'outside 1 to 4094');
  });

  test('has the name that the bridge should get', async () => {
    await expectRefusal(spec({ bridge: 'eth1' }), 'INVALID_OPTION', 'another name');
    await expectRefusal(tagged({ bridge: 'eth1.500' }), 'INVALID_OPTION', 'another name');
  });
});

describe('an untagged network', () => {
  test('gets a bridge without the host in it, and leaves everything as it was', async () => {
    const before = linkSnapshot();
    const links = await ensureNetworkLinks(spec());
    expect(links).toMatchObject({
      vlanLink: undefined,
      bridge: 'br0',
      mtu: 1500,
      created: { vlanLink: false, bridge: true, uplinkPort: true },
    });
    const bridge = (await readLink('br0'))!;
    expect(bridge).toMatchObject({ isUp: true, alias: 'vlandhcp bridge for eth1' });
    expect(bridge.bridge).toMatchObject({ hasStp: false, forwardDelaySec: 0 });
    expect(ip('link show dev br0')).toContain('NOARP');
    expect(ip('-d link show dev br0')).toContain('addrgenmode none');
    expect(setting('ipv6/conf/br0/disable_ipv6')).toBe('1');
    expect(ip('addr show dev br0')).not.toMatch(/inet/);
    expect((await readLink('eth1'))!.master).toBe('br0');
    await removeNetworkLinks({ ...spec(), vlanLink: undefined });
    expect(linkSnapshot()).toEqual(before);
    await removeNetworkLinks({ ...spec(), vlanLink: undefined });
  });

  test("keeps its bridge's MAC when ports come and go", async () => {
    await ensureNetworkLinks(spec());
    const { mac } = (await readLink('br0'))!;
    ip('link add name a0 address 00:00:00:00:00:01 type veth peer name a1');
    ip('link set dev a0 master br0');
    ip('link del dev a0');
    expect((await readLink('br0'))!.mac).toBe(mac);
    expect(mac).toMatch(/^02:/);
  });

  test('is found as it is the second time, and by many at once', async () => {
    await Promise.all(Array.from({ length: 5 }, () => ensureNetworkLinks(spec())));
    const before = linkSnapshot();
    const again = await ensureNetworkLinks(spec());
    expect(again.created).toEqual({ vlanLink: false, bridge: false, uplinkPort: false });
    expect(linkSnapshot()).toEqual(before);
  });

  test('gets the MTU asked for, else that of the parent', async () => {
    expect((await ensureNetworkLinks(spec({ mtu: 1400 }))).mtu).toBe(1400);
    addParent('eth2', 'port2', 9000);
    expect((await ensureNetworkLinks(spec({ parent: 'eth2', bridge: 'br2' }))).mtu).toBe(9000);
  });

  test('a parent with an MTU too small for IPv6 works, too', async () => {
    addParent('eth2', 'port2', 1000);
    const links = await ensureNetworkLinks(spec({ parent: 'eth2', bridge: 'br2' }));
    expect(links).toMatchObject({ mtu: 1000, warnings: withoutVlans ? [/filter/] : [] });
  });
});

describe('a bridge that exists', () => {
  test('is not a bridge', async () => {
    await expectRefusal(spec({ bridge: 'port1' }), 'LINK_CONFLICT', 'port1 exists', 'a veth');
  });

  test("is the user's own: it is used, and stays; only our port is taken back", async () => {
    ip('link add name br0 type bridge');
    ip('link add name vm0 type veth peer name vm1');
    ip('link set dev vm0 master br0');
    ip('tuntap add dev tap0 mode tap');
    ip('link set dev tap0 master br0');
    const links = await ensureNetworkLinks(spec());
    expect(links.created).toEqual({ vlanLink: false, bridge: false, uplinkPort: true });
    expect(links.warnings).toEqual([]);
    expect((await readLink('br0'))!.alias).toBeUndefined();
    await removeNetworkLinks({ ...spec(), vlanLink: undefined });
    expect((await readLink('eth1'))!.master).toBe('br0');
    await removeNetworkLinks({ ...spec(), vlanLink: undefined, uplinkPort: true });
    expect((await readLink('eth1'))!.master).toBeUndefined();
    expect(linkNames()).toEqual(['br0', 'eth1', 'port1', 'tap0', 'vm0', 'vm1']);
  });

  test("is the user's own and has the parent as port already, whatever addresses it has", async () => {
    ip('link add name br0 type bridge');
    ip('link set dev eth1 master br0');
    ip('addr add 10.1.0.5/24 dev br0');
    ip('link set dev br0 up');
    expect((await ensureNetworkLinks(spec())).created.uplinkPort).toBe(false);
  });

  test("is the user's own and carries addresses of the host", async () => {
    ip('link add name br0 type bridge');
    ip('addr add 172.17.0.1/16 dev br0');
    await expectRefusal(spec(), 'LINK_CONFLICT', 'br0 carries 172.17.0.1/16', 'join it with eth1');
    ip('addr del 172.17.0.1/16 dev br0');
    ip('addr add 2001:db8::1/64 dev br0');
    await expectRefusal(spec(), 'LINK_CONFLICT', 'br0 carries 2001:db8::1/64');
  });

  test("is the user's own and has a port that leads elsewhere", async () => {
    ip('link add name br0 type bridge');
    ip('link add link port1 name elsewhere type macvlan');
    ip('link set dev elsewhere master br0');
    await expectRefusal(spec(), 'LINK_CONFLICT', 'port elsewhere, which is a macvlan');
  });

  test('runs STP: a warning', async () => {
    ip('link add name br0 type bridge stp_state 1');
    expect((await ensureNetworkLinks(spec())).warnings.join()).toMatch(/br0 runs STP.* 30 s/);
  });

  test("is ours for another parent's network", async () => {
    addParent('eth2', 'port2');
    await ensureNetworkLinks(spec());
    await expectRefusal(spec({ parent: 'eth2' }), 'LINK_CONFLICT', 'br0', 'bridge for eth1');
  });

  test('is ours and has got a port of somebody else: it stays when the network goes', async () => {
    await ensureNetworkLinks(spec());
    ip('link add name vm0 type veth peer name vm1');
    ip('link set dev vm0 master br0');
    const notes = await removeNetworkLinks({ ...spec(), vlanLink: undefined });
    expect(notes.join()).toMatch(/br0 stays.*vm0/);
    expect((await readLink('eth1'))!.master).toBe('br0');
    ip('link del dev vm0');
    await removeNetworkLinks({ ...spec(), vlanLink: undefined });
    expect(linkNames()).toEqual(['eth1', 'port1']);
  });

  test('a bridge without our mark is never removed', async () => {
    await ensureNetworkLinks(spec());
    ip('link set dev br0 alias mine');
    await removeNetworkLinks({ ...spec(), vlanLink: undefined });
    expect(linkNames()).toContain('br0');
  });
});

// This test cannot run on a kernel with 802.1Q, which has nothing to refuse here.
if (withoutVlans) {
  test('a kernel without 802.1Q says so, with the remedy', async () => {
    await expectRefusal(tagged(), 'VLAN_UNSUPPORTED', '802.1Q', 'modprobe 8021q');
  });
}

describe.skipIf(withoutVlans)('a tagged network', () => {
  const ours = { ...tagged(), vlanLink: 'eth1.500' };

  test('gets a VLAN link and a bridge, marked as ours, and leaves everything as it was', async () => {
    ip('addr add 10.1.0.5/24 dev eth1'); // the host may use the parent itself
    const before = linkSnapshot();
    const links = await ensureNetworkLinks(tagged());
    expect(links).toEqual({
      vlanLink: 'eth1.500',
      bridge: 'br0',
      mtu: 1500,
      created: { vlanLink: true, bridge: true, uplinkPort: true },
      theirs: [],
      warnings: [],
    });
    expect(await readLink('eth1.500')).toMatchObject({
      vlan: { id: 500, protocol: '802.1Q' },
      lower: 'eth1',
      master: 'br0',
      isUp: true,
      alias: 'vlandhcp vlan',
    });
    expect((await readLink('br0'))!.alias).toBe('vlandhcp bridge for eth1.500');
    expect(setting('ipv6/conf/eth1.500/disable_ipv6')).toBe('1');
    await removeNetworkLinks(ours);
    expect(linkSnapshot()).toEqual(before);
    expect(await removeNetworkLinks(ours)).toEqual([]);
  });

  test('is found as it is the second time, and by many at once', async () => {
    const all = await Promise.all(Array.from({ length: 5 }, () => ensureNetworkLinks(tagged())));
    expect(all.filter(({ created }) => created.vlanLink)).toHaveLength(1);
    const before = linkSnapshot();
    await ensureNetworkLinks(tagged());
    expect(linkSnapshot()).toEqual(before);
  });

  test('shares its VLAN with a second network only through the same bridge', async () => {
    await ensureNetworkLinks(tagged());
    await expectRefusal(
      tagged({ bridge: 'br1' }),
      'LINK_CONFLICT',
      'eth1.500 is already a port of br0',
      '-o bridge=br0',
    );
  });

  test('of a long-named parent has a VLAN link with a short name', async () => {
    addParent('enx001122334455', 'port2');
    const links = await ensureNetworkLinks(tagged({ parent: 'enx001122334455', vlan: 4094 }));
    expect(links.vlanLink).toMatch(/^vlan4094\.[0-9a-f]{6}$/);
    expect(await readLink(links.vlanLink!)).toMatchObject({ lower: 'enx001122334455' });
  });

  test('uses a VLAN link of the user under any name, and never removes it', async () => {
    ip('link add link eth1 name office type vlan id 500');
    const links = await ensureNetworkLinks(tagged());
    expect(links).toMatchObject({ vlanLink: 'office', theirs: ['vlan-link'] });
    expect(links.created).toMatchObject({ vlanLink: false, bridge: true });
    await removeNetworkLinks({ ...tagged(), vlanLink: 'office' });
    expect(linkNames()).toEqual(['eth1', 'office', 'port1']);
  });

  test('takes back its port, and its VLAN link, from a bridge of the user', async () => {
    ip('link add name br0 type bridge');
    await ensureNetworkLinks(tagged());
    await removeNetworkLinks(ours);
    expect(linkNames()).toEqual(['br0', 'eth1', 'port1']);
  });

  test('never removes a VLAN link or bridge whose mark is gone', async () => {
    await ensureNetworkLinks(tagged());
    ip('link set dev br0 alias mine');
    ip('link set dev eth1.500 alias mine');
    await removeNetworkLinks(ours);
    expect(linkNames()).toEqual(['br0', 'eth1', 'eth1.500', 'port1']);
  });

  test('is refused when a VLAN link carries addresses of the host', async () => {
    ip('link add link eth1 name eth1.500 type vlan id 500');
    ip('addr add 10.5.0.1/24 dev eth1.500');
    await expectRefusal(tagged(), 'LINK_CONFLICT', 'eth1.500 carries 10.5.0.1/24');
  });

  test.each([
    ['VLAN 7 of eth1', 'link add link eth1 name eth1.500 type vlan id 7'],
    ['VLAN 500 of port1', 'link add link port1 name eth1.500 type vlan id 500'],
    ['802.1ad VLAN 500 of eth1', 'link add link eth1 name eth1.500 type vlan proto 802.1ad id 500'],
    ['a bridge', 'link add name eth1.500 type bridge'],
  ])('is refused when the VLAN link name is taken by %s', async (what, command) => {
    ip(command);
    await expectRefusal(tagged(), 'LINK_CONFLICT', 'eth1.500 exists', what);
  });

  test('is refused when the VLAN is taken by a link in another namespace', async () => {
    const elsewhere = sandbox.addNamespace();
    ip('link add link eth1 name v type vlan id 500');
    ip(`link set dev v netns ${elsewhere.name}`);
    await expectRefusal(tagged(), 'LINK_CONFLICT', 'another network namespace');
  });

  test('is refused when its bridge has a port of another VLAN', async () => {
    ip('link add link eth1 name eth1.7 type vlan id 7');
    ip('link add name br0 type bridge');
    ip('link set dev eth1.7 master br0');
    await expectRefusal(tagged(), 'LINK_CONFLICT', 'VLAN 7 of eth1', 'join');
  });

  test('is refused when its bridge is ours for another VLAN', async () => {
    await ensureNetworkLinks(tagged({ vlan: 7 }));
    await expectRefusal(tagged(), 'LINK_CONFLICT', 'bridge for eth1.7');
  });

  test('is refused when its bridge carries the untagged traffic of the parent', async () => {
    ip('link add name br0 type bridge');
    ip('link set dev eth1 master br0');
    await expectRefusal(tagged(), 'LINK_CONFLICT', 'untagged traffic of eth1', 'VLAN 500');
  });

  test('is refused when the MTU is above that of an existing VLAN link', async () => {
    ip('link add link eth1 name eth1.500 mtu 1400 type vlan id 500');
    await expectRefusal(tagged({ mtu: 1500 }), 'INVALID_OPTION', '1400 of eth1.500');
    expect((await ensureNetworkLinks(tagged())).mtu).toBe(1400);
  });

  test('lives beside an untagged network of ours on the same parent', async () => {
    await ensureNetworkLinks(spec({ bridge: 'native' }));
    await ensureNetworkLinks(tagged());
    await removeNetworkLinks({ ...spec({ bridge: 'native' }), vlanLink: undefined });
    expect(linkNames()).toEqual(['br0', 'eth1', 'eth1.500', 'port1']);
  });

  test('is removed without a word when its links went with their parent', async () => {
    await ensureNetworkLinks(tagged());
    ip('link del dev eth1'); // removes the VLAN link, too
    expect(await removeNetworkLinks(ours)).toEqual([]);
    expect(linkNames()).toEqual([]);
  });
});
