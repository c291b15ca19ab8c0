/** Networks with two tags (QinQ): their links, what is on the wire, and what enters the host. */
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ensureVethPort } from '../../../plugin/net/endpoints/veth-port.ts';
import { unprotectLink } from '../../../plugin/net/guard/protection.ts';
import { linuxHost } from '../../../plugin/net/host.ts';
import type { NetworkLinkSpec } from '../../../plugin/net/links/link-checks.ts';
import { readLink } from '../../../plugin/net/links/link-info.ts';
import { OUTER_MARK, VLAN_MARK } from '../../../plugin/net/links/link-names.ts';
import { ensureNetworkLinks } from '../../../plugin/net/links/links.ts';
import { removeOrphanLinks } from '../../../plugin/net/links/orphan-links.ts';
import { removeNetworkLinks } from '../../../plugin/net/links/remove-links.ts';
import { makeVlanLink } from '../../../plugin/net/links/vlan-link.ts';
import { findSegmentLink, withSegmentLink } from '../../../plugin/net/segment-link.ts';
import { UndoList } from '../../../plugin/undo.ts';
import { macToBytes, parseMac } from '../../../plugin/wire/address.ts';
import { ad, closeTaps, frame, IPV4, q, tap } from '../../support/frames/marked-frames.ts';
import {
  addParent,
  enterSandbox,
  ip,
  linkNames,
  linkSnapshot,
  until,
} from '../../support/lab/netns.ts';
import type { Sandbox } from '../../support/lab/netns.ts';

let sandbox: Sandbox;

beforeEach(() => {
  sandbox = enterSandbox();
  addParent('eth1', 'port1');
});

afterEach(() => {
  closeTaps();
  sandbox.dispose();
});

const AD = { parent: 'eth1', vlan: '10.500', bridge: 'br10.500', mtu: undefined } as const;
const AD_600 = { ...AD, vlan: '10.600', bridge: 'br10.600' } as const;
const Q = { ...AD, vlan: '10q.500', bridge: 'br10q.500' } as const;
const MACVLAN = { ...AD, bridge: undefined, mode: 'macvlan' } as const;
const IPVLAN = { ...AD, bridge: undefined, mode: 'ipvlan' } as const;

function remove({ parent, vlan, bridge }: NetworkLinkSpec, vlanLink: string) {
  return removeNetworkLinks({ parent, vlan, vlanLink, bridge, uplinkPort: true });
}

describe('the links of a network with two tags', () => {
  test.each([
    ['outer 802.1ad', AD, 'eth1.10ad', '802.1ad', 'eth1.10.500'],
    ['outer 802.1Q', Q, 'eth1.10', '802.1Q', 'eth1.10q.500'],
    ['mode=macvlan', MACVLAN, 'eth1.10ad', '802.1ad', 'eth1.10.500'],
    ['mode=ipvlan', IPVLAN, 'eth1.10ad', '802.1ad', 'eth1.10.500'],
  ] as const)(
    '%s: are one for each tag, ours, up, and go again',
    async (_, spec, outer, protocol, inner) => {
      const before = linkSnapshot();
      const made = await ensureNetworkLinks(spec);
      expect(made).toMatchObject({ vlanLink: inner, outerLink: outer, mtu: 1496, theirs: [] });
      expect(await readLink(outer)).toMatchObject({
        ...{ lower: 'eth1', vlan: { id: 10, protocol }, alias: OUTER_MARK, isUp: true, mtu: 1500 },
      });
      expect(await readLink(inner)).toMatchObject({
        ...{ lower: outer, vlan: { id: 500, protocol: '802.1Q' }, alias: VLAN_MARK, isUp: true },
        mtu: 1496,
      });
      const after = linkSnapshot();
      expect((await ensureNetworkLinks(spec)).created.vlanLink).toBe(false);
      expect(linkSnapshot()).toEqual(after);
      await remove(spec, inner);
      expect(linkSnapshot()).toEqual(before);
    },
  );

  test('share the link of the outer tag, which goes with the last of them', async () => {
    const before = linkSnapshot();
    await ensureNetworkLinks(AD);
    await ensureNetworkLinks(AD_600);
    await remove(AD, 'eth1.10.500');
    expect(await readLink('eth1.10ad')).toMatchObject({ alias: OUTER_MARK, isUp: true });
    expect(await readLink('eth1.10.500')).toBeUndefined();
    await remove(AD_600, 'eth1.10.600');
    expect(linkSnapshot()).toEqual(before);
  });

  test('stand beside the 802.1Q VLAN of the same id', async () => {
    await ensureNetworkLinks({ ...AD, vlan: 10, bridge: 'br10' });
    await ensureNetworkLinks(AD);
    expect(linkNames()).toEqual(expect.arrayContaining(['eth1.10', 'eth1.10ad', 'eth1.10.500']));
    await remove(AD, 'eth1.10.500');
    expect(linkNames()).toContain('eth1.10');
  });

  test('lie on an operator’s link of the outer tag, which stays as it is', async () => {
    ip('link add link eth1 name service type vlan protocol 802.1ad id 10');
    ip('link set dev service up');
    const before = linkSnapshot();
    const made = await ensureNetworkLinks(AD);
    expect(made).toMatchObject({ outerLink: 'service', theirs: ['outer-link'] });
    await remove(AD, 'eth1.10.500');
    expect(linkSnapshot()).toEqual(before);
  });

  test('are refused on an operator’s link of the outer tag that is down', async () => {
    ip('link add link eth1 name service type vlan protocol 802.1ad id 10');
    const before = linkSnapshot();
    await expect(ensureNetworkLinks(AD)).rejects.toMatchObject({
      ...{ code: 'PARENT_LINK_UNUSABLE' },
      message: 'VLAN link service is down; bring it up with: ip link set service up',
    });
    expect(linkSnapshot()).toEqual(before);
  });

  test('are refused where another link has a name of theirs, and nothing is left', async () => {
    for (const name of ['eth1.10ad', 'eth1.10.500']) {
      ip(`link add name ${name} type dummy`);
      const before = linkSnapshot();
      await expect(ensureNetworkLinks(AD)).rejects.toMatchObject({ code: 'LINK_CONFLICT' });
      expect(linkSnapshot()).toEqual(before);
      ip(`link del dev ${name}`);
    }
  });

  test('are refused in one sentence where the link cannot carry 802.1ad', async () => {
    const lo = (await readLink('lo'))!;
    const undo = new UndoList();
    const making = makeVlanLink({ parent: 'lo', vlan: '10.500' }, lo, 'lo.10.500', undo);
    await expect(making).rejects.toMatchObject({
      ...{ code: 'VLAN_UNSUPPORTED' },
      message: expect.stringMatching(
        /^lo cannot carry 802\.1ad VLAN 10 \(the kernel says: .+\); take a card that can/,
      ) as string,
    });
  });

  test.each([
    [1500, undefined, 1496],
    [1504, undefined, 1500],
    [9000, undefined, 8996],
    [1500, 1400, 1400],
  ])('on a parent of MTU %d with mtu=%s have MTU %d', async (parentMtu, mtu, wanted) => {
    ip(`link set dev port1 mtu ${parentMtu}`);
    ip(`link set dev eth1 mtu ${parentMtu}`);
    expect((await ensureNetworkLinks({ ...AD, mtu })).mtu).toBe(wanted);
  });

  test('refuse an MTU that leaves no room for the second tag', async () => {
    const before = linkSnapshot();
    await expect(ensureNetworkLinks({ ...AD, mtu: 1500 })).rejects.toMatchObject({
      ...{ code: 'INVALID_OPTION' },
      message:
        'MTU 1500 is more than the 1496 of eth1.10.500; lower it, or raise the MTU of eth1 first, which must have 4 bytes more for the second tag',
    });
    expect(linkSnapshot()).toEqual(before);
  });

  test('come back after one of them, or the parent, was gone or down', async () => {
    await ensureNetworkLinks(AD);
    const after = linkNames().sort();
    for (const gone of ['eth1.10.500', 'eth1.10ad', 'eth1']) {
      ip(`link del dev ${gone}`);
      if (gone === 'eth1') addParent('eth1', 'port1');
      expect(await ensureNetworkLinks(AD)).toMatchObject({ outerLink: 'eth1.10ad', theirs: [] });
      expect(linkNames().sort()).toEqual(after);
    }
    ip('link set dev eth1.10ad down');
    await ensureNetworkLinks(AD);
    expect(await readLink('eth1.10ad')).toMatchObject({ isUp: true });
    expect(await readLink('eth1.10.500')).toMatchObject({ isUp: true });
  });

  test('are both removed by a start if no network has them', async () => {
    const before = linkSnapshot();
    await ensureNetworkLinks(AD);
    const known = ['br10.500', 'eth1.10.500', 'eth1.10ad'];
    expect(await removeOrphanLinks(known)).toEqual([]);
    expect([...(await removeOrphanLinks([]))].sort()).toEqual([...known].sort());
    expect(linkSnapshot()).toEqual(before);
  });
});

describe('the segment of two tags', () => {
  const SEGMENT = { parent: 'eth1', vlan: '10.500' } as const;

  test('is found by its tags, whatever the links are called', async () => {
    ip('link add link eth1 name aa type vlan id 10');
    ip('link add link aa name bb type vlan id 500');
    expect(await findSegmentLink(SEGMENT)).toBeUndefined();
    expect(await findSegmentLink({ parent: 'eth1', vlan: '10q.500' })).toBe('bb');
    ip('link add link eth1 name cc type vlan protocol 802.1ad id 10');
    ip('link add link cc name dd type vlan id 500');
    expect(await findSegmentLink(SEGMENT)).toBe('dd');
    expect(await findSegmentLink({ parent: 'eth1', vlan: 500 })).toBeUndefined();
  });

  test('is made for the moment, with both links, and goes again', async () => {
    const before = linkSnapshot();
    const seen = await withSegmentLink(SEGMENT, (name) => Promise.resolve([name, ...linkNames()]));
    expect(seen[0]).toBe('eth1.10.500');
    expect(seen).toContain('eth1.10ad');
    expect(linkSnapshot()).toEqual(before);
    await ensureNetworkLinks(AD_600);
    const during = linkSnapshot();
    await withSegmentLink(SEGMENT, (name) => Promise.resolve(name));
    expect(linkSnapshot()).toEqual(during);
  });
});

async function addContainer(name: string, bridge: string): Promise<void> {
  const mac = parseMac(`02:00:00:00:00:0${name.at(-1)}`)!;
  const rules = { mode: 'mac', mac, addresses: [], leases: false, noServer: false } as const;
  await ensureVethPort({ hostEnd: `h${name}`, containerEnd: name, mac, mtu: 1496, bridge, rules });
}

/** The far end of the trunk, as links for each tag. */
function addFarEnd(protocol: '802.1ad' | '802.1Q'): string {
  ip(`link add link port1 name far10 type vlan protocol ${protocol} id 10`);
  ip('link add link far10 name far10.500 type vlan id 500');
  ip('link set dev far10 up');
  ip('link set dev far10.500 up');
  return 'far10.500';
}

describe('frames of two tags', () => {
  test.each([
    ['802.1ad', AD, ad],
    ['802.1Q', Q, q],
  ] as const)('outer %s: reach their containers and no others', async (protocol, spec, outer) => {
    await ensureNetworkLinks(spec);
    await ensureNetworkLinks({ ...AD, vlan: 500, bridge: 'br500' });
    await addContainer('c1', spec.bridge);
    await addContainer('c5', 'br500');
    const trunk = tap('port1');
    const far = tap(addFarEnd(protocol));
    const [c1, c5] = [tap('c1'), tap('c5')];
    await until('the frame with both tags, and that of VLAN 500, get in', () => {
      trunk.send(frame(1, { tags: [...outer(10), ...q(500)] }));
      trunk.send(frame(2, { tags: q(500) }));
      trunk.send(frame(3, { tags: outer(10) }));
      trunk.send(frame(4, { tags: [...outer(10), ...q(501)] }));
      trunk.send(frame(5, { tags: [...outer(11), ...q(500)] }));
      trunk.send(frame(6, { tags: [...(outer === q ? ad : q)(10), ...q(500)] }));
      trunk.send(frame(7, { tags: [...outer(10), ...ad(500)] }));
      trunk.send(frame(8));
      return c1.seen.length > 3 && c5.seen.length > 3;
    });
    expect(new Set(c1.seen)).toEqual(new Set([1]));
    expect(new Set(c5.seen)).toEqual(new Set([2]));
    // a tag of the container's own is still dropped
    c1.send(frame(20, { to: [2, 0, 0, 0, 0, 1], tags: q(7) }));
    const mine = frame(21);
    mine.set([2, 0, 0, 0, 0, 1], 6);
    c1.send(mine);
    await until('a frame of the container gets out with both tags', () => far.seen.includes(21));
    expect(far.seen).not.toContain(20);
  });

  test('of the full MTU get through', async () => {
    await ensureNetworkLinks(AD);
    await addContainer('c1', AD.bridge);
    const far = tap(addFarEnd('802.1ad'));
    const c1 = tap('c1');
    const full = frame(31, { length: 1496 });
    full.set([2, 0, 0, 0, 0, 1], 6);
    await until('the full frame arrives', () => {
      c1.send(full);
      return far.lengths.includes(1510);
    });
  });

  test('without a second tag do not enter the host by the link of the outer tag', async () => {
    await ensureNetworkLinks(AD);
    await addContainer('c1', AD.bridge);
    const outer = (await readLink('eth1.10ad'))!;
    const to = macToBytes(outer.mac!);
    const trunk = tap('port1');
    const c1 = tap('c1');
    await until('frames get in', () => {
      trunk.send(frame(1, { tags: [...ad(10), ...q(500)] }));
      return c1.seen.includes(1);
    });
    const knock = async () => {
      const before = received();
      for (const tags of [ad(10), [...ad(10), ...q(0)], [...ad(10), ...q(501)]]) {
        trunk.send(frame(9, { tags, to: [...to], type: IPV4 }));
      }
      const count = c1.seen.length;
      trunk.send(frame(2, { tags: [...ad(10), ...q(500)] }));
      await until('the last one gets in', () => c1.seen.length > count);
      return received() - before;
    };
    expect(await knock()).toBe(0);
    await unprotectLink('eth1.10ad');
    expect(await knock()).toBe(2); // what the filter stops: without a second tag, and with id 0
    await linuxHost.protectNetwork({
      ...{ mode: 'bridge', bridge: AD.bridge, vlanLink: 'eth1.10.500', outerLink: 'eth1.10ad' },
    });
    expect(await knock()).toBe(0);
  });
});

/** How many IPv4 packets the host's stack has received. */
function received(): number {
  const text = readFileSync('/proc/thread-self/net/snmp', 'utf8');
  const count = /^Ip: \d+ \d+ (\d+)/m.exec(text)?.[1];
  if (count === undefined) throw new Error('the kernel does not count received packets');
  return Number(count);
}
