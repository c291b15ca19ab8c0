/**
 * What the rooms rely on of a host, as tests that the kernel's and the fake one pass alike: what a
 * unit test sees of the fake is what would be seen of Linux.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Host, HostLink } from '../../../plugin/host.ts';
import type { PortRules } from '../../../plugin/vocabulary/port-rules.ts';
import { isMulticastMac, parseIpv4, parseMac } from '../../../plugin/wire/address.ts';

/** A host whose only links besides the loopback are `eth1`, up, and what that is plugged into. */
export interface Place {
  readonly host: Host;
  /** Somebody removes a link. */
  removeLink(name: string): void;
  /** Somebody makes a bridge that is up. */
  addBridge(name: string): void;
  /** As libnetwork does after Join. @returns where the link is now. */
  moveIntoSandbox(hostEnd: string, containerEnd: string): string;
  dispose(): void;
}

const MAC = parseMac('02:00:00:00:00:aa')!;
const RULES: PortRules = { mode: 'mac', mac: MAC, addresses: [], leases: true, noServer: false };
const TAGGED = {
  parent: 'eth1',
  vlan: 500,
  mode: 'bridge',
  bridge: 'br500',
  mtu: undefined,
} as const;
const UNTAGGED = {
  parent: 'eth1',
  vlan: undefined,
  mode: 'bridge',
  bridge: 'br0',
  mtu: undefined,
} as const;
const PORT = {
  hostEnd: 'vh0',
  containerEnd: 'vc0',
  mac: MAC,
  mtu: 1500,
  connection: { kind: 'veth', bridge: 'br500', rules: RULES },
} as const;
const SEGMENT = { parent: 'eth1', vlan: 500 };

export function describeHost(name: string, makePlace: () => Place): void {
  let place: Place;
  let host: Host;
  beforeEach(() => {
    place = makePlace();
    ({ host } = place);
  });
  afterEach(() => place.dispose());

  const find = async (link: string): Promise<HostLink | undefined> =>
    (await host.readLinks()).find((one) => one.name === link);
  const indexOf = async (link: string) => (await find(link))?.index;
  const names = async () => (await host.readLinks()).map((link) => link.name).sort();
  const removeNetwork = (uplinkPort = true) =>
    host.removeNetworkLinks({ ...TAGGED, vlanLink: 'eth1.500', uplinkPort });

  describe(`${name}: the links of a network`, () => {
    it('are a bridge of ours and in it a VLAN link of ours', async () => {
      expect(await host.ensureNetworkLinks(TAGGED)).toMatchObject({
        ...{ vlanLink: 'eth1.500', mtu: 1500, created: { uplinkPort: true } },
        ...{ theirs: [], warnings: [] },
      });
      expect(await find('br500')).toMatchObject({ kind: 'bridge', mark: 'bridge', isUp: true });
      expect(await find('eth1.500')).toMatchObject({
        ...{ kind: 'vlan', mark: 'vlan', isUp: true, vlan: { id: 500, protocol: '802.1Q' } },
        ...{ master: await indexOf('br500'), lower: await indexOf('eth1') },
      });
    });

    it('are left as they are when they are there', async () => {
      await host.ensureNetworkLinks(TAGGED);
      const before = await names();
      expect((await host.ensureNetworkLinks(TAGGED)).created.uplinkPort).toBe(false);
      expect(await names()).toEqual(before);
    });

    it('are completed, and the uplink is a port again, which is said', async () => {
      await host.ensureNetworkLinks(TAGGED);
      place.removeLink('eth1.500');
      expect((await host.ensureNetworkLinks(TAGGED)).created.uplinkPort).toBe(true);
      expect((await find('eth1.500'))?.master).toBe(await indexOf('br500'));
    });

    it('without a VLAN are the bridge, and the parent in it', async () => {
      const made = await host.ensureNetworkLinks(UNTAGGED);
      expect(made).toMatchObject({ vlanLink: undefined, created: { uplinkPort: true } });
      expect((await find('eth1'))?.master).toBe(await indexOf('br0'));
    });

    it('with two tags are a link for each, and less MTU; the outer one is shared', async () => {
      const before = await names();
      const two = { ...TAGGED, vlan: '10.500', bridge: 'br10.500' } as const;
      const beside = { ...TAGGED, vlan: '10.600', bridge: 'br10.600' } as const;
      expect(await host.ensureNetworkLinks(two)).toMatchObject({
        ...{ vlanLink: 'eth1.10.500', outerLink: 'eth1.10ad', mtu: 1496, theirs: [] },
      });
      await host.ensureNetworkLinks(beside);
      expect(await find('eth1.10ad')).toMatchObject({
        ...{ mark: 'vlan', isUp: true, vlan: { id: 10, protocol: '802.1ad' }, mtu: 1500 },
        lower: await indexOf('eth1'),
      });
      expect(await find('eth1.10.500')).toMatchObject({
        ...{ mark: 'vlan', isUp: true, vlan: { id: 500, protocol: '802.1Q' }, mtu: 1496 },
        lower: await indexOf('eth1.10ad'),
      });
      await host.removeNetworkLinks({ ...two, vlanLink: 'eth1.10.500', uplinkPort: true });
      expect(host.linkExists('eth1.10ad')).toBe(true);
      await host.removeNetworkLinks({ ...beside, vlanLink: 'eth1.10.600', uplinkPort: true });
      expect(await names()).toEqual(before);
    });

    it('give containers the MTU that was asked for', async () => {
      expect((await host.ensureNetworkLinks({ ...TAGGED, mtu: 1400 })).mtu).toBe(1400);
    });

    it('are refused without the parent, and nothing is made', async () => {
      const before = await names();
      await expect(host.ensureNetworkLinks({ ...TAGGED, parent: 'eth9' })).rejects.toMatchObject({
        code: 'PARENT_LINK_MISSING',
      });
      expect(await names()).toEqual(before);
    });

    it('go with the network, and are not missed the second time', async () => {
      const before = await names();
      await host.ensureNetworkLinks(TAGGED);
      expect(await removeNetwork()).toEqual([]);
      expect(await names()).toEqual(before);
      expect(await removeNetwork()).toEqual([]);
    });

    it('of somebody else are said to be, used, and left', async () => {
      place.addBridge('br500');
      expect((await host.ensureNetworkLinks(TAGGED)).theirs).toEqual(['bridge']);
      expect((await find('br500'))?.mark).toBeUndefined();
      await removeNetwork();
      expect(host.linkExists('br500')).toBe(true);
      expect(host.linkExists('eth1.500')).toBe(false);
    });

    it('include a bridge alone where the parent is missing', async () => {
      const spec = { ...TAGGED, parent: 'eth9', vlanLink: 'eth9.500' };
      expect(await host.ensureBridge(spec)).toEqual([]);
      expect(await find('br500')).toMatchObject({ kind: 'bridge', mark: 'bridge', isUp: true });
      const index = await indexOf('br500');
      await host.ensureBridge(spec);
      expect(await indexOf('br500')).toBe(index);
    });
  });

  describe(`${name}: the link of a container`, () => {
    beforeEach(async () => void (await host.ensureNetworkLinks(TAGGED)));

    it('has its host end in the bridge and its other end here, until it is moved', async () => {
      expect(await host.ensureEndpointLink(PORT)).toEqual([]);
      expect(await find('vh0')).toMatchObject({
        ...{ kind: 'veth', mark: 'endpoint', isUp: true, mtu: 1500 },
        ...{ master: await indexOf('br500'), mac: host.hostEndMac('vh0', MAC) },
      });
      expect(host.linkExists('vc0')).toBe(true);
      expect(await host.listEndpointLinks()).toMatchObject([
        { end: 'vh0', containerEndHere: true },
      ]);
      place.moveIntoSandbox('vh0', 'vc0');
      expect(host.linkExists('vc0')).toBe(false);
      expect(await host.listEndpointLinks()).toMatchObject([
        { end: 'vh0', containerEndHere: false },
      ]);
    });

    it('has a host end whose MAC is a host’s, and not the container’s', () => {
      const mac = host.hostEndMac('vh0', MAC);
      expect(parseMac(mac)).toBe(mac);
      expect([isMulticastMac(mac), mac === MAC]).toEqual([false, false]);
    });

    it('is refused without its bridge, and where a name is taken', async () => {
      await expect(
        host.ensureEndpointLink({
          ...PORT,
          connection: { ...PORT.connection, bridge: 'br9' },
        }),
      ).rejects.toMatchObject({
        code: 'LINK_CONFLICT',
      });
      expect(host.linkExists('vh0')).toBe(false);
      place.addBridge('vh0');
      await expect(host.ensureEndpointLink(PORT)).rejects.toMatchObject({ code: 'LINK_CONFLICT' });
      expect(host.linkExists('vc0')).toBe(false);
    });

    it('goes with both ends, wherever the other one is; gone already is fine; others’ links stay', async () => {
      await host.ensureEndpointLink(PORT);
      await host.removeEndpointLink('vh0');
      expect([host.linkExists('vh0'), host.linkExists('vc0')]).toEqual([false, false]);
      expect([...host.missingLinks(['vh0', 'br500', 'vc0'])]).toEqual(['vh0', 'vc0']);
      await host.removeEndpointLink('vh0');
      await host.ensureEndpointLink(PORT);
      place.moveIntoSandbox('vh0', 'vc0');
      await host.removeEndpointLink('vh0');
      expect(await host.listEndpointLinks()).toEqual([]);
      await host.removeEndpointLink('eth1');
      expect(host.linkExists('eth1')).toBe(true);
    });

    it('takes another MTU, and other rules', async () => {
      await host.ensureEndpointLink(PORT);
      await host.setEndpointMtu({ hostEnd: 'vh0', containerEnd: 'vc0', mtu: 1300 });
      expect([(await find('vh0'))?.mtu, (await find('vc0'))?.mtu]).toEqual([1300, 1300]);
      expect(await host.guardEndpoints([{ hostEnd: 'vh0', rules: RULES }])).toEqual([]);
    });

    it('that is not there is guarded in vain, which nobody is told', async () => {
      const unguarded: string[] = [];
      const ports = [{ hostEnd: 'vh9', rules: RULES }];
      expect(await host.guardEndpoints(ports, (port) => unguarded.push(port))).toEqual([]);
      expect(unguarded).toEqual([]);
    });

    it('that is not in the sandbox cannot be changed there, which is said', async () => {
      await host.ensureEndpointLink(PORT);
      const netnsPath = place.moveIntoSandbox('vh0', 'vc0');
      const to = { address: parseIpv4('10.50.0.100')!, prefixLength: 24 };
      const changes = [{ type: 'add-address', to }] as const;
      expect(
        await host.changeSandbox({ netnsPath, hostEnd: 'vh9', containerEnd: 'vc9' }, changes),
      ).toBe(false);
    });

    it('becomes a port of the bridge that is there now; without one that is refused', async () => {
      await host.ensureEndpointLink(PORT);
      place.removeLink('br500');
      expect((await find('vh0'))?.master).toBeUndefined();
      const port = { hostEnd: 'vh0', bridge: 'br500', rules: RULES, isIsolated: true };
      await expect(host.attachPort(port)).rejects.toMatchObject({ code: 'LINK_CONFLICT' });
      await host.ensureNetworkLinks(TAGGED);
      expect(await host.attachPort(port)).toEqual([]);
      expect((await find('vh0'))?.master).toBe(await indexOf('br500'));
    });
  });

  describe(`${name}: the host's own link to containers`, () => {
    const OWN = {
      ...{ link: 'vdhost0', mac: MAC, mtu: 1500, address: undefined },
      connection: { kind: 'macvlan', lower: 'eth1.500', mode: 'bridge' },
    } as const;
    const segment = { ...TAGGED, mode: 'macvlan', bridge: undefined } as const;
    beforeEach(async () => void (await host.ensureNetworkLinks(segment)));

    it('is made on the link of the segment, up, and is left as it is when it is there', async () => {
      expect(await host.ensureHostLink(OWN)).toEqual([]);
      const made = await find('vdhost0');
      expect(made).toMatchObject({
        ...{ kind: 'macvlan', mark: 'host', isUp: true, mac: MAC, mtu: 1500 },
        lower: await indexOf('eth1.500'),
      });
      expect(await host.ensureHostLink(OWN)).toEqual([]);
      expect(await find('vdhost0')).toEqual(made);
    });

    it('goes alone, or with the link below; gone already is fine; others’ links stay', async () => {
      await host.ensureHostLink(OWN);
      await host.removeHostLink('vdhost0');
      expect(host.linkExists('vdhost0')).toBe(false);
      await host.removeHostLink('vdhost0');
      await host.removeHostLink('eth1.500');
      expect(host.linkExists('eth1.500')).toBe(true);
      await host.ensureHostLink(OWN);
      place.removeLink('eth1.500');
      expect(host.linkExists('vdhost0')).toBe(false);
    });

    it('is refused without the link below, and where the name is taken', async () => {
      const elsewhere = { ...OWN.connection, lower: 'eth1.9' };
      await expect(host.ensureHostLink({ ...OWN, connection: elsewhere })).rejects.toMatchObject({
        code: 'LINK_CONFLICT',
      });
      place.addBridge('vdhost0');
      await expect(host.ensureHostLink(OWN)).rejects.toMatchObject({ code: 'LINK_CONFLICT' });
      expect((await find('vdhost0'))?.kind).toBe('bridge');
    });

    it('a start finds one that no network has, and then the link below', async () => {
      await host.ensureHostLink(OWN);
      expect(await host.removeOrphanLinks(['eth1.500', 'vdhost0'])).toEqual([]);
      expect(await host.removeOrphanLinks([])).toEqual(['vdhost0', 'eth1.500']);
    });
  });

  describe(`${name}: any link`, () => {
    it('is known by its index, whatever it is called', async () => {
      await host.ensureNetworkLinks(TAGGED);
      const index = (await indexOf('br500'))!;
      await host.renameLink(index, 'brx');
      expect([host.linkExists('br500'), host.linkExists('brx')]).toEqual([false, true]);
      expect(await find('brx')).toMatchObject({ index, kind: 'bridge', mark: 'bridge' });
      expect((await find('eth1.500'))?.master).toBe(index);
      await host.renameLink(9999, 'bry'); // gone meanwhile: no mistake
      expect(host.linkExists('bry')).toBe(false);
    });

    it('takes an MTU; one that is not there does not', async () => {
      await host.setLinkMtu('eth1', 1400);
      expect((await find('eth1'))?.mtu).toBe(1400);
      await expect(host.setLinkMtu('eth9', 1400)).rejects.toThrow();
    });

    it('is asked for by name without a wait', () => {
      expect([host.linkExists('eth1'), host.linkExists('eth9')]).toEqual([true, false]);
      expect([host.realName('eth1'), host.realName('eth9')]).toEqual(['eth1', 'eth9']);
      expect(parseMac(host.linkMac('eth1') ?? '')).toBe(host.linkMac('eth1'));
      expect(host.linkMac('eth9')).toBeUndefined();
    });
  });

  describe(`${name}: the link of a segment`, () => {
    it('is the VLAN link that is there, or the parent', async () => {
      expect(await host.findSegmentLink({ parent: 'eth1', vlan: undefined })).toBe('eth1');
      expect(await host.findSegmentLink({ parent: 'eth9', vlan: undefined })).toBeUndefined();
      expect(await host.findSegmentLink(SEGMENT)).toBeUndefined();
      await host.ensureNetworkLinks(TAGGED);
      expect(await host.findSegmentLink(SEGMENT)).toBe('eth1.500');
    });

    it('is made for as long as it is used, also by work that fails', async () => {
      const look = (link: string) => Promise.resolve([link, host.linkExists(link)]);
      expect(await host.withSegmentLink(SEGMENT, look)).toEqual(['eth1.500', true]);
      expect(host.linkExists('eth1.500')).toBe(false);
      const work = host.withSegmentLink(SEGMENT, () => Promise.reject(new Error('no')));
      await expect(work).rejects.toThrow('no');
      expect(host.linkExists('eth1.500')).toBe(false);
    });

    it('is used and left where it is there already', async () => {
      await host.ensureNetworkLinks(TAGGED);
      expect(await host.withSegmentLink(SEGMENT, (link) => Promise.resolve(link))).toBe('eth1.500');
      expect(host.linkExists('eth1.500')).toBe(true);
    });

    it('is refused without the parent', async () => {
      const work = host.withSegmentLink({ parent: 'eth9', vlan: 500 }, (link) =>
        Promise.resolve(link),
      );
      await expect(work).rejects.toMatchObject({ code: 'PARENT_LINK_MISSING' });
    });
  });

  describe(`${name}: what is left over`, () => {
    it('a start finds links of ours that no network has, and no others', async () => {
      const before = await names();
      await host.ensureNetworkLinks(TAGGED);
      expect(await host.removeOrphanLinks(['br500', 'eth1.500'])).toEqual([]);
      expect([...(await host.removeOrphanLinks([]))].sort()).toEqual(['br500', 'eth1.500']);
      expect(await names()).toEqual(before);
      expect(await host.removeUnfinishedLinks()).toEqual([]);
    });
  });
}
