import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type { ErrorCode } from '../../../plugin/vocabulary/errors.ts';
import { linuxHost } from '../../../plugin/net/host.ts';
import { readLink } from '../../../plugin/net/links/link-info.ts';
import { VLAN_MARK } from '../../../plugin/net/links/link-names.ts';
import { removeOrphanLinks } from '../../../plugin/net/links/orphan-links.ts';
import { findSegmentLink, withSegmentLink } from '../../../plugin/net/segment-link.ts';
import { addParent, enterSandbox, ip, linkNames, linkSnapshot } from '../../support/lab/netns.ts';
import type { Sandbox } from '../../support/lab/netns.ts';

let sandbox: Sandbox;

beforeEach(() => {
  sandbox = enterSandbox();
  addParent('eth1', 'port1');
});

afterEach(() => {
  sandbox.dispose();
});

const VLAN_500 = { parent: 'eth1', vlan: 500 };
const UNTAGGED = { parent: 'eth1', vlan: undefined };
const nothing = (link: string) => Promise.resolve(link);

function addVlan(name: string, more = ''): void {
  ip(`link add link eth1 name ${name} type vlan${more} id 500`);
  ip(`link set dev ${name} up`);
}

/** Expects a refusal with those words. Expects that no link has changed. */
async function expectRefusal(
  segment: { parent: string; vlan: number | undefined },
  code: ErrorCode,
  message: string | RegExp,
): Promise<void> {
  const before = linkSnapshot();
  await expect(withSegmentLink(segment, nothing)).rejects.toMatchObject({
    code,
    message: expect.stringMatching(message) as string,
  });
  expect(linkSnapshot()).toEqual(before);
}

describe('findSegmentLink', () => {
  test('the parent itself carries its untagged traffic, as long as it exists', async () => {
    expect(await findSegmentLink(UNTAGGED)).toBe('eth1');
    expect(await findSegmentLink({ parent: 'eth9', vlan: undefined })).toBeUndefined();
    expect(await findSegmentLink({ parent: 'not/a/link', vlan: undefined })).toBeUndefined();
  });

  test('a VLAN link is found under any name', async () => {
    expect(await findSegmentLink(VLAN_500)).toBeUndefined();
    addVlan('vlan-of-fifteen');
    expect(await findSegmentLink(VLAN_500)).toBe('vlan-of-fifteen');
    expect(await findSegmentLink({ parent: 'eth1', vlan: 501 })).toBeUndefined();
    expect(await findSegmentLink({ parent: 'port1', vlan: 500 })).toBeUndefined();
    ip('link set dev vlan-of-fifteen down');
    ip('link set dev vlan-of-fifteen name eth1.500');
    expect(await findSegmentLink(VLAN_500)).toBe('eth1.500');
    ip('link del dev eth1.500');
    expect(await findSegmentLink(VLAN_500)).toBeUndefined();
  });

  test('a link that is 802.1ad of the same id is none', async () => {
    addVlan('service', ' proto 802.1ad');
    expect(await findSegmentLink(VLAN_500)).toBeUndefined();
    addVlan('zz500');
    expect(await findSegmentLink(VLAN_500)).toBe('zz500');
  });

  test('costs far less than a process after the first look', async () => {
    for (let vlan = 2; vlan < 60; vlan += 1) {
      ip(`link add link eth1 name eth1.${vlan} type vlan id ${vlan}`);
    }
    addVlan('eth1.500');
    await findSegmentLink(VLAN_500);
    const looks = 200;
    const lookedFrom = performance.now();
    for (let count = 0; count < looks; count += 1) await findSegmentLink(VLAN_500);
    const each = (performance.now() - lookedFrom) / looks;
    const processes = 20;
    const ranFrom = performance.now();
    for (let count = 0; count < processes; count += 1) ip('link show dev eth1');
    const process1 = (performance.now() - ranFrom) / processes;
    process.stdout.write(
      `findSegmentLink: ${each.toFixed(3)} ms among 60 VLAN links, a process ${process1.toFixed(1)} ms\n`,
    );
    expect(each).toBeLessThan(process1 / 2);
  });
});

describe('withSegmentLink', () => {
  test('an existing link is brought as it is, and stays', async () => {
    addVlan('office');
    const before = linkSnapshot();
    expect(await withSegmentLink(VLAN_500, nothing)).toBe('office');
    expect(await withSegmentLink(UNTAGGED, nothing)).toBe('eth1');
    expect(linkSnapshot()).toEqual(before);
  });

  test('a missing one is there as long as the work lasts: marked, up, of the parent’s MTU, with no IPv6', async () => {
    ip('link set dev eth1 mtu 1400');
    const before = linkSnapshot();
    const seen = await withSegmentLink(VLAN_500, async (name) => ({
      link: await readLink(name),
      flags: ip(`link show dev ${name}`),
      addresses: ip(`-6 addr show dev ${name}`),
    }));
    expect(seen.link).toMatchObject({
      name: 'eth1.500',
      alias: VLAN_MARK,
      isUp: true,
      mtu: 1400,
      lower: 'eth1',
      vlan: { id: 500, protocol: '802.1Q' },
    });
    expect(seen.flags).toContain('LOWER_UP');
    expect(seen.addresses).toBe('');
    expect(linkSnapshot()).toEqual(before);
  });

  test('a failure of the work is passed on, and the link goes all the same', async () => {
    const before = linkSnapshot();
    const failing = withSegmentLink(VLAN_500, () => Promise.reject(new Error('no offer')));
    await expect(failing).rejects.toThrow('no offer');
    expect(linkSnapshot()).toEqual(before);
  });

  test('work does not hold up other changes of links, and the last of several users removes the link', async () => {
    let finishFirst = (): void => undefined;
    const first = withSegmentLink(VLAN_500, (link) => {
      return new Promise<string>((resolve) => {
        finishFirst = () => {
          resolve(link);
        };
      });
    });
    const second = await withSegmentLink(VLAN_500, async () => {
      finishFirst();
      expect(await first).toBe('eth1.500');
      return linkNames();
    });
    expect(second).toEqual(['eth1', 'eth1.500', 'port1']);
    expect(linkNames()).toEqual(['eth1', 'port1']);
  });

  test('twenty at once make one link', async () => {
    const all = Array.from({ length: 20 }, () => withSegmentLink(VLAN_500, nothing));
    expect(new Set(await Promise.all(all))).toEqual(new Set(['eth1.500']));
    expect(linkNames()).toEqual(['eth1', 'port1']);
  });

  test('a link that was removed and made anew by others meanwhile is left to them', async () => {
    await withSegmentLink(VLAN_500, async (name) => {
      ip(`link del dev ${name}`);
      addVlan(name);
      return Promise.resolve();
    });
    expect(await readLink('eth1.500')).toMatchObject({ alias: undefined });
  });

  test('a link that went meanwhile is no failure', async () => {
    await withSegmentLink(VLAN_500, async (name) => {
      ip(`link del dev ${name}`);
      return Promise.resolve();
    });
    expect(linkNames()).toEqual(['eth1', 'port1']);
  });
});

describe('a temporary link that somebody took into use', () => {
  const stays = async (): Promise<void> => {
    expect(await readLink('eth1.500')).toMatchObject({ alias: undefined, isUp: true });
    await removeOrphanLinks([]); // like after a restart of the plugin
    expect(linkNames()).toContain('eth1.500');
    expect(linkNames()).not.toContain('vdhprobe');
  };

  test.each(['macvlan mode bridge', 'ipvlan mode l2', 'vlan id 7'])(
    'for a %s on the host stays',
    async (kind) => {
      await withSegmentLink(VLAN_500, async (name) => {
        ip(`link add link ${name} name upper type ${kind}`);
        return Promise.resolve();
      });
      await stays();
      expect(linkNames()).toContain('upper');
    },
  );

  test.each(['macvlan mode bridge', 'macvlan mode passthru', 'ipvlan mode l2'])(
    'for a %s in a container, which the host does not see, stays',
    async (kind) => {
      const container = sandbox.addNamespace();
      await withSegmentLink(VLAN_500, async (name) => {
        ip(`link add link ${name} name upper type ${kind}`);
        ip(`link set dev upper netns ${container.name}`);
        return Promise.resolve();
      });
      await stays();
      expect(container.run(linkNames)).toEqual(['upper']);
    },
  );

  test('for an address of the host stays', async () => {
    await withSegmentLink(VLAN_500, async (name) => {
      ip(`addr add 10.1.2.3/24 dev ${name}`);
      return Promise.resolve();
    });
    expect(await readLink('eth1.500')).toMatchObject({ alias: undefined });
  });

  test('for a network of the plugin’s goes with that network', async () => {
    const network = { ...VLAN_500, bridge: 'br500' };
    await withSegmentLink(VLAN_500, () =>
      linuxHost.ensureNetworkLinks({ ...network, mtu: undefined }),
    );
    expect(await readLink('eth1.500')).toMatchObject({ alias: VLAN_MARK, master: 'br500' });
    await linuxHost.removeNetworkLinks({ ...network, vlanLink: 'eth1.500', uplinkPort: true });
    expect(linkNames()).toEqual(['eth1', 'port1']);
  });

  test('and was left over by a crash stays, too: a container’s link is on it', async () => {
    const container = sandbox.addNamespace();
    addVlan('eth1.500');
    ip('link set dev eth1.500 alias vlandhcp');
    ip('link add link eth1.500 name upper type macvlan mode bridge');
    ip(`link set dev upper netns ${container.name}`);
    expect(await removeOrphanLinks([])).toEqual([]);
    await stays();
    expect(container.run(linkNames)).toEqual(['upper']);
  });

  test('and was given back goes with the next start', async () => {
    addVlan('eth1.500');
    ip('link set dev eth1.500 alias vlandhcp');
    expect(await removeOrphanLinks([])).toEqual(['eth1.500']);
    expect(linkNames()).toEqual(['eth1', 'port1']);
  });
});

describe('refusals', () => {
  test('the parent is missing', async () => {
    await expectRefusal(
      { parent: 'eth9', vlan: 500 },
      'PARENT_LINK_MISSING',
      'parent link eth9 does not exist; set --ipam-opt parent= to one of: .*eth1',
    );
    await expectRefusal({ parent: 'eth9', vlan: undefined }, 'PARENT_LINK_MISSING', 'eth9');
  });

  test('the parent is down', async () => {
    ip('link set dev eth1 down');
    const words = 'parent link eth1 is down; bring it up with: ip link set eth1 up';
    await expectRefusal(VLAN_500, 'PARENT_LINK_UNUSABLE', words);
    await expectRefusal(UNTAGGED, 'PARENT_LINK_UNUSABLE', words);
  });

  test('the VLAN link is down', async () => {
    addVlan('office');
    ip('link set dev office down');
    const words = 'VLAN link office is down; bring it up with: ip link set office up';
    await expectRefusal(VLAN_500, 'PARENT_LINK_UNUSABLE', words);
  });

  test('the parent is the loopback link', async () => {
    const words = 'is the loopback link; set --ipam-opt parent= to a network card';
    await expectRefusal({ parent: 'lo', vlan: 500 }, 'PARENT_LINK_UNUSABLE', words);
  });

  test('the parent is a port of a bridge', async () => {
    ip('link add name br0 type bridge');
    ip('link set dev eth1 master br0');
    const words = 'is a port of bridge br0; use that instead: --ipam-opt parent=br0';
    await expectRefusal(VLAN_500, 'PARENT_LINK_UNUSABLE', words);
    await expectRefusal(UNTAGGED, 'PARENT_LINK_UNUSABLE', words);
  });

  test('a bridge may be the parent, tagged and untagged', async () => {
    ip('link add name br0 type bridge');
    ip('link set dev eth1 master br0');
    ip('link set dev br0 up');
    expect(await withSegmentLink({ parent: 'br0', vlan: undefined }, nothing)).toBe('br0');
    expect(await withSegmentLink({ parent: 'br0', vlan: 500 }, nothing)).toBe('br0.500');
  });

  test('the VLAN link’s name belongs to another link', async () => {
    ip('link add name eth1.500 type dummy');
    await expectRefusal(VLAN_500, 'LINK_CONFLICT', 'eth1.500 exists and is a dummy, not VLAN 500');
  });

  test('the words are none', async () => {
    await expectRefusal({ parent: 'eth1 up', vlan: 5 }, 'INVALID_OPTION', '--ipam-opt parent=');
    await expectRefusal({ parent: 'eth1', vlan: 4095 }, 'INVALID_OPTION', 'outside 1 to 4094');
  });
});

test('linkMac is that of an Ethernet link, found without a process', () => {
  ip('link set dev eth1 address 02:00:00:00:00:01');
  expect(linuxHost.linkMac('eth1')).toBe('02:00:00:00:00:01');
  expect(linuxHost.linkMac('lo')).toBeUndefined();
  expect(linuxHost.linkMac('eth9')).toBeUndefined();
  expect(linuxHost.linkMac('../eth1')).toBeUndefined();
});
