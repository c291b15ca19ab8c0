/**
 * What parents do, with the real plugin: bonds and teams whose cards fail and that are made anew,
 * parents that are renamed, or get another MTU or MAC.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { ip, linkNames, until } from '../../support/lab/netns.ts';
import { PluginSite, type Container } from '../../support/lab/plugin-site.ts';
import { addTeam, setActivePort } from '../../support/lab/team-link.ts';

vi.setConfig({ testTimeout: 400_000, hookTimeout: 120_000 });

const MODES = ['bridge', 'macvlan', 'ipvlan'] as const;

let site: PluginSite;
beforeAll(async () => {
  site = await PluginSite.start();
});
afterAll(() => site.dispose());
afterEach(() => {
  for (const link of ['bond0', 'team0', 'nic1', 'eth1', 'eth2']) {
    if (linkNames().includes(link)) ip(`link del ${link}`);
  }
});

function addBond(name: string, cards: readonly string[]): void {
  ip(`link add ${name} type bond mode active-backup miimon 50`);
  for (const card of cards) {
    ip(`link set ${card} down`);
    ip(`link set ${card} master ${name}`);
  }
  ip(`link set ${name} up`);
}

const KINDS = [
  { kind: 'bond', parent: 'bond0', add: addBond, failOver: () => undefined },
  // A team does nothing by itself: a program, teamd, chooses the active card.
  { kind: 'team', parent: 'team0', add: addTeam, failOver: setActivePort },
] as const;

describe.each(KINDS)('a $kind as parent', ({ parent, add, failOver }) => {
  test.each(MODES)(
    'mode=%s: containers stay when one card is pulled, and are joined again when it is made anew',
    async (mode) => {
      site.plug('eth1');
      site.plug('eth2');
      add(parent, ['eth1', 'eth2']);
      await site.withContainers({ mode, parent }, async (containers) => {
        site.setPort('eth1', 'down');
        failOver(parent, 'eth2');
        await site.allReach(containers);
        site.setPort('eth1', 'up');
        ip(`link del ${parent}`);
        // The other card comes first, so the MAC is another one, too.
        add(parent, ['eth2', 'eth1']);
        await site.allReach(containers);
        await site.allRenew(containers);
      });
    },
  );
});

describe.each(['bridge', 'ipvlan'])('mode=%s', (mode) => {
  test('a parent with another name carries its containers and new ones, and may get its name back', async () => {
    site.plug('eth1');
    await site.withContainers({ mode }, async (containers, network) => {
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
  const shown = ({ namespace }: Container) => namespace.run(() => ip('link show dev eth0'));
  const follow = async (containers: readonly Container[], parent: number, mtu: number) => {
    const before = site.plugin.log.length;
    ip(`link set eth1 mtu ${parent}`);
    await until(`the containers have MTU ${mtu}`, () =>
      containers.every((one) => shown(one).includes(`mtu ${mtu} `)),
    );
    const said = `and that of eth1.500 is ${parent}`;
    const isSaid = () =>
      site.plugin.log.slice(before).some(({ seen }) => String(seen).includes(said));
    await until('it is said', isSaid);
    expect(ip('link show dev eth1.500')).toContain(`mtu ${parent} `);
    if (mode === 'bridge') expect(ip('link show dev br500')).toContain(`mtu ${mtu} `);
    await site.allReach(containers);
  };

  test('another MTU of the parent is followed down and up again, up to the containers', async () => {
    site.plug('eth1');
    await site.withContainers({ mode }, async (containers) => {
      await follow(containers, 1400, 1400);
      await follow(containers, 1500, 1500);
    });
  });

  test('with mtu= it is followed down, and up to what was typed', async () => {
    site.plug('eth1');
    await site.withContainers({ mode, options: { mtu: '1450' } }, async (containers) => {
      await follow(containers, 1400, 1400);
      await follow(containers, 1500, 1450);
    });
  });
});

test('mode=ipvlan: another MAC of the parent cuts nobody off, and leases are renewed', async () => {
  site.plug('eth1');
  await site.withContainers({ mode: 'ipvlan' }, async (containers) => {
    ip('link set eth1 address 02:0e:0e:0e:0e:77');
    await site.allReach(containers);
    await site.allRenew(containers);
  });
});
