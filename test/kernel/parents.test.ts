/**
 * What parents do, with the real plugin: bonds whose cards fail and that are made anew, parents
 * that are renamed, or get another MTU or MAC.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { ip, linkNames, until } from '../support/netns.ts';
import { PluginSite, type Container } from '../support/plugin-site.ts';

vi.setConfig({ testTimeout: 400_000, hookTimeout: 120_000 });

const MODES = ['bridge', 'macvlan', 'ipvlan'] as const;

let site: PluginSite;
beforeAll(async () => {
  site = await PluginSite.start();
});
afterAll(() => site.dispose());
afterEach(() => {
  for (const link of ['bond0', 'nic1', 'eth1', 'eth2']) {
    if (linkNames().includes(link)) ip(`link del ${link}`);
  }
});

/** Containers on VLAN 500 of that parent. Afterwards no link of ours is left. */
async function withContainers(
  [mode, parent, count]: readonly [string, string, number],
  work: (containers: readonly Container[], network: string) => Promise<void>,
): Promise<void> {
  const before = linkNames();
  const network = await site.network({ parent, vlan: '500', mode });
  const containers = await site.containers(network, count);
  await site.allReach(containers);
  await work(containers, network);
  await site.remove(network, containers);
  expect(linkNames()).toEqual(before);
}

function addBond(cards: readonly string[]): void {
  ip('link add bond0 type bond mode active-backup miimon 50');
  for (const card of cards) {
    ip(`link set ${card} down`);
    ip(`link set ${card} master bond0`);
  }
  ip('link set bond0 up');
}

describe('a bond as parent', () => {
  test.each(MODES)(
    'mode=%s: containers stay when one card is pulled, and are joined again when it is made anew',
    async (mode) => {
      site.plug('eth1');
      site.plug('eth2');
      addBond(['eth1', 'eth2']);
      await withContainers([mode, 'bond0', 2], async (containers) => {
        site.setPort('eth1', 'down');
        await site.allReach(containers);
        site.setPort('eth1', 'up');
        ip('link del bond0');
        // The other card comes first, so the MAC is another one, too.
        addBond(['eth2', 'eth1']);
        await site.allReach(containers);
        await site.allRenew(containers);
      });
    },
  );
});

describe.each(['bridge', 'ipvlan'])('mode=%s', (mode) => {
  test('a parent with another name carries its containers and new ones, and may get its name back', async () => {
    site.plug('eth1');
    await withContainers([mode, 'eth1', 2], async (containers, network) => {
      ip('link set eth1 name nic1');
      await site.allReach(containers);
      ip('link set nic1 name eth1');
      const another = await site.container(network);
      await site.allReach([...containers, another]);
      await site.plugin.call('NetworkDriver.Leave', {
        ...{ NetworkID: network, EndpointID: another.id },
      });
      await site.plugin.call('NetworkDriver.DeleteEndpoint', {
        ...{ NetworkID: network, EndpointID: another.id },
      });
      another.namespace.delete();
    });
  });
});

describe.each(MODES)('mode=%s', (mode) => {
  test('a lower MTU of the parent is followed, up to the containers', async () => {
    site.plug('eth1');
    await withContainers([mode, 'eth1', 2], async (containers) => {
      ip('link set eth1 mtu 1400');
      const shown = ({ namespace }: Container) => namespace.run(() => ip('link show dev eth0'));
      await until('the containers have that MTU', () =>
        containers.every((one) => shown(one).includes('mtu 1400')),
      );
      await until('it is said', () => site.plugin.log.some(({ seen }) => isAboutMtu(seen)));
      await site.allReach(containers);
    });
  });
});

describe('mode=ipvlan', () => {
  test('another MAC of the parent cuts nobody off, and leases are renewed', async () => {
    site.plug('eth1');
    await withContainers(['ipvlan', 'eth1', 2], async (containers) => {
      ip('link set eth1 address 02:0e:0e:0e:0e:77');
      await site.allReach(containers);
      await site.allRenew(containers);
    });
  });
});

function isAboutMtu(seen: unknown): boolean {
  return typeof seen === 'string' && seen.includes('1400');
}
