/** Networks on an operator's bridge that filters VLANs, over a fake host. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { onVlanBridge } from '../../../plugin/networks/vlan-bridge.ts';
import { parseNetworkOptions } from '../../../plugin/options/options.ts';
import {
  DriverRig,
  ENDPOINT,
  NETWORK,
  NOTHING_LEFT,
  refusal,
} from '../../support/fakes/driver-rig.ts';

let rig: DriverRig;
beforeEach(async () => {
  rig = new DriverRig();
  await rig.started();
  rig.host.addVlanBridge('br0', ['eth1']);
});
afterEach(() => rig.stop());

const create = (options: Record<string, string> = {}, networkId = NETWORK) =>
  rig.createNetwork({
    networkId,
    options: { parent: 'eth1', vlan: '500', bridge: 'br0', ...options },
  });
const record = () => rig.registry.findNetwork(NETWORK)!;
const vlansOf = (link: string) => rig.host.link(link).vlans;
const OTHER = 'o'.repeat(64);
const troubles = () =>
  rig.log.lines
    .filter(({ message }) => message === 'network cut off on this host')
    .map(({ fields }) => fields['seen']);

describe('-o bridge= of an operator’s bridge that filters VLANs', () => {
  it('makes containers its ports in the VLAN, and adds the VLAN where it is missing', async () => {
    await create();
    expect(record()).toMatchObject({
      options: { mode: 'vlan-bridge', parent: 'br0', uplink: 'eth1' },
      ...{ vlanLink: 'br0.500', vlanMembers: ['br0', 'eth1'] },
    });
    expect(vlansOf('eth1')).toEqual([
      [1, 1],
      [500, 500],
    ]);
    expect(rig.host.rules.size).toBe(0);
    await rig.createEndpoint();
    expect(rig.host.masters.get(rig.record().hostEnd!)).toBe('br0');
    await rig.endpoints.remove(ENDPOINT);
    await rig.networks.remove(NETWORK);
    expect([vlansOf('eth1'), vlansOf('br0')]).toEqual([[[1, 1]], [[1, 1]]]);
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('is the same network again for the same options, also after a restart', async () => {
    await create();
    const made = record();
    await rig.restart();
    await create();
    expect(record()).toEqual(made);
    expect(rig.host.count('ensureNetworkLinks')).toBe(1);
  });

  it.each(['eth1', 'br0'])(
    'is the same network for dockerd at a boot, before the bridge is there: parent=%s',
    async (parent) => {
      await create({ parent });
      const made = record();
      rig.host.removeLink('br0');
      await create({ parent });
      expect(record().options).toEqual(made.options);
      expect((await refusal(create({ parent, mtu: '1400' }))).message).toContain('other options');
    },
  );

  it('keeps the VLAN of the uplink while another network is on it', async () => {
    await create();
    await create({}, OTHER);
    await rig.networks.remove(NETWORK);
    expect(vlansOf('eth1')).toHaveLength(2);
    await rig.networks.remove(OTHER);
    expect(vlansOf('eth1')).toEqual([[1, 1]]);
  });

  it('leaves the VLAN to an operator who had added it himself', async () => {
    rig.host.oddities.set('eth1', { vlans: [[1, 4094]] });
    await create();
    expect(record().vlanMembers).toEqual(['br0']);
    await rig.networks.remove(NETWORK);
    expect(vlansOf('eth1')).toEqual([[1, 4094]]);
  });

  it('adds the VLAN again when the uplink has lost it', async () => {
    await create();
    await rig.clock.pass(2_000);
    rig.host.oddities.set('eth1', { vlans: [[1, 1]] });
    rig.host.onChange?.onPort?.(rig.host.indexOf('eth1'));
    await rig.clock.pass(2_000);
    expect(vlansOf('eth1')).toHaveLength(2);
  });

  it('adds it again also where another network of the VLAN has no uplink of its own', async () => {
    await create();
    rig.host.links.add('eth2');
    rig.host.masters.set('eth2', 'br0');
    await create({ parent: 'br0' }, OTHER);
    await rig.clock.pass(2_000);
    rig.host.oddities.set('eth1', { vlans: [[1, 1]] });
    rig.host.onChange?.onPort?.(rig.host.indexOf('eth1'));
    await rig.clock.pass(2_000);
    expect(vlansOf('eth1')).toHaveLength(2);
  });

  it('puts a container’s port back into its VLAN', async () => {
    await create();
    await rig.createEndpoint();
    await rig.clock.pass(2_000);
    const { hostEnd } = rig.record();
    rig.host.oddities.set(hostEnd!, { vlans: [[1, 1]] });
    const before = rig.host.count('attachPort');
    await rig.wiring.settled(true);
    expect(rig.host.count('attachPort')).toBe(before + 1);
    rig.host.oddities.set(hostEnd!, { vlans: [[500, 500]] });
    await rig.wiring.settled(true);
    expect(rig.host.count('attachPort')).toBe(before + 1);
  });

  it('notices that the bridge filters no more', async () => {
    await create();
    await rig.clock.pass(2_000);
    rig.host.oddities.set('br0', {});
    rig.host.onChange?.onLink(rig.host.link('br0'), false);
    await rig.clock.pass(2_000);
    expect(troubles()).toContain(
      'bridge br0 does not filter VLANs any more; let it filter again with: ip link set br0 type bridge vlan_filtering 1',
    );
  });

  it('leaves to the network that is left what a repair has added', async () => {
    rig.host.oddities.set('eth1', { vlans: [[1, 4094]] });
    rig.host.oddities.set('br0', { vlanFilter: { defaultPvid: 1 }, vlans: [[1, 4094]] });
    await create();
    await create({}, OTHER);
    rig.host.addVlanBridge('br0', ['eth1']); // made anew, without the VLANs
    await rig.networks.mend(NETWORK);
    await rig.networks.remove(NETWORK);
    await rig.networks.remove(OTHER);
    expect([vlansOf('eth1'), vlansOf('br0')]).toEqual([[[1, 1]], [[1, 1]]]);
  });

  it('says what is wrong with the uplink, and repairs nothing of the operator’s', async () => {
    await create();
    await rig.clock.pass(2_000);
    rig.host.masters.delete('eth1');
    rig.host.onChange?.onLink(rig.host.link('eth1'), false);
    await rig.clock.pass(2_000);
    expect(troubles()).toContain(
      'eth1 is not a port of bridge br0; make it one with: ip link set eth1 master br0',
    );
    expect(rig.host.masters.has('eth1')).toBe(false);
  });

  it('refuses two tags, and another mode on the same VLAN', async () => {
    expect((await refusal(create({ vlan: '10.500' }))).message).toContain('VLANs by one tag');
    await create();
    const macvlan = { parent: 'br0', vlan: '500', mode: 'macvlan' };
    expect(
      (await refusal(rig.createNetwork({ networkId: OTHER, options: macvlan }))).message,
    ).toContain('mode=bridge');
  });
});

describe('which bridge it is', () => {
  const typed = parseNetworkOptions({ parent: 'eth1', vlan: '500', bridge: 'br0' });
  const options = (changes: object = {}) =>
    rig.host.readLinks().then((links) => onVlanBridge({ ...typed, ...changes }, links));

  it('may be typed as the parent, too: the only port out of the host is its uplink', async () => {
    expect(await options({ parent: 'br0' })).toMatchObject({ parent: 'br0', uplink: 'eth1' });
    rig.host.links.add('eth2');
    rig.host.masters.set('eth2', 'br0');
    expect((await options({ parent: 'br0' })).uplink).toBeUndefined();
    expect((await options()).uplink).toBe('eth1');
  });

  it.each([
    ['without a VLAN', { vlan: undefined }],
    ['with a bridge of another name', { bridge: 'br500' }],
    ['with a parent that is not in it', { parent: 'eth0' }],
  ])('is an ordinary one %s', async (_, changes) => {
    expect((await options(changes)).mode).toBe('bridge');
  });

  it('is an ordinary one if it is ours: untagged networks have such bridges', async () => {
    rig.host.foreign.delete('br0');
    expect((await options()).mode).toBe('bridge');
  });
});
