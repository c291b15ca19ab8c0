/**
 * README's table of addressing modes, row by row as it is written there: ten containers of each, all at once, with
 * what restarts of plugin and dockerd leave of their addresses.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  attachment,
  docker,
  dockerRefuses,
  firewallComesToReach,
  ip,
  lab,
  labWith,
  removeAllContainersAndNetworks,
  run,
  until,
} from '../support/lab.ts';
import { table } from '../support/readme.ts';

const NAMES = Array.from({ length: 10 }, (_, i) => i);

interface Mode {
  readonly title: string;
  /** The network's name, and what its containers' names begin with. */
  readonly network: string;
  readonly vlan: number;
  /** As in README, with this VLAN in place of 500. */
  readonly words: readonly string[];
  readonly showsSubnet: boolean;
  readonly choice: string;
  readonly restart: string;
}

const PREFIXES: Readonly<Record<number, string>> = {
  10: '10.10.0',
  500: '10.50.0',
  600: '10.60.0',
};
/** Macvlan and ipvlan have a VLAN to themselves; the others show how many networks one VLAN can have. */
const VLAN_OF_ROW = [500, 500, 500, 600, 10, 600];

const MODES: readonly Mode[] = table('Which addressing mode when').map((cells, row) => {
  const [title = '', command = '', shows = '', choice = '', restart = ''] = cells;
  const vlan = VLAN_OF_ROW[row] ?? 500;
  const words = command.replaceAll('`', '').replaceAll('500', String(vlan));
  return {
    ...{ title, network: `net${row}`, vlan, choice, restart },
    words: words.replaceAll('10.50.0', PREFIXES[vlan] ?? '').split(' '),
    showsSubnet: shows === 'yes',
  };
});
const IPVLAN = MODES.filter(({ words }) => words.includes('ipvlan'));
const OTHERS = MODES.filter(({ words }) => !words.includes('ipvlan'));

const prefix = ({ vlan }: Mode) => PREFIXES[vlan] ?? '';
const boxes = ({ network }: Mode) => NAMES.map((i) => `${network}-${i}`);
const startNetwork = (mode: Mode, ...more: string[]) =>
  docker('network', 'create', ...mode.words, ...more, mode.network);

/** A bridge on the VLAN, made by hand, as Docker's bridge driver wants it. */
async function bridgeByHand(): Promise<void> {
  await ip('link', 'add', 'link', 'eth1', 'name', 'eth1.10', 'type', 'vlan', 'id', '10');
  await ip('link', 'add', 'br10', 'type', 'bridge', 'forward_delay', '0');
  await ip('link', 'set', 'eth1.10', 'master', 'br10', 'up');
  await ip('link', 'set', 'br10', 'up');
}

/** What Docker says that each container has, after a look at what it has. */
async function addressesOf(mode: Mode): Promise<string[]> {
  const addresses = [];
  for (const name of boxes(mode)) {
    const { address, prefixLength, gateway } = await attachment(name, mode.network);
    const pid = await docker('inspect', '-f', '{{.State.Pid}}', name);
    const inside = await run('nsenter', ['-t', pid, '-n', 'sh', '-c', 'ip -4 addr; ip route']);
    expect(inside.stdout).toContain(` ${address}/${prefixLength} `);
    expect(inside.stdout).toContain(`default via ${gateway} dev eth0`);
    addresses.push(address);
  }
  return addresses;
}

async function reachAll(addresses: readonly string[]): Promise<void> {
  await Promise.all(addresses.map((address) => firewallComesToReach(address)));
}

/** The server's own list of addresses that somebody has. */
async function leasesAtServer(): Promise<string[]> {
  const lines = (await lab('leases')).split('\n').filter((line) => line !== '');
  return lines.map((line) => line.split(' ')[2] ?? '').sort();
}

/** Everything up, with a linger-free memory of who had which address before. */
async function up(settings: Readonly<Record<string, string>> = {}): Promise<void> {
  await lab('fw', 'ip', 'neigh', 'flush', 'all');
  await labWith(settings, 'service-up');
  // dockerd asks once what an IPAM driver requires.
  await lab('engine-up', '--live-restore');
}

async function down(): Promise<void> {
  await removeAllContainersAndNetworks();
  await lab('engine-down');
  await lab('service-down');
}

beforeAll(async () => {
  await lab('trunk-up');
  await lab('server-up', 'dnsmasq-no-ping', '10', '500', '600');
});
afterAll(async () => {
  await lab('server-down');
  await lab('trunk-down');
});

it('the table has the rows that this test knows', () => {
  expect(MODES).toHaveLength(VLAN_OF_ROW.length);
  expect([OTHERS.length, IPVLAN.length]).toEqual([5, 1]);
});

/** Ten containers of each mode, and what becomes of their addresses. */
function describeModes(modes: readonly Mode[], settings: Readonly<Record<string, string>>): void {
  const known = new Map<Mode, readonly string[]>();
  const all = () => [...known.values()].flat();

  it.each(modes)('$title: ten containers have ten leases', async (mode) => {
    await startNetwork(mode);
    const config = await docker('network', 'inspect', '-f', '{{json .IPAM.Config}}', mode.network);
    const shown = [{ Subnet: `${prefix(mode)}.0/24`, Gateway: `${prefix(mode)}.1` }];
    if (mode.showsSubnet) expect(JSON.parse(config)).toMatchObject(shown);
    else expect(config).not.toContain(prefix(mode));
    for (const name of boxes(mode)) {
      await docker('run', '-d', '--name', name, `--net=${mode.network}`, 'bb');
    }
    const addresses = await addressesOf(mode);
    expect(new Set(addresses).size).toBe(10);
    known.set(mode, addresses);
    expect(await leasesAtServer()).toEqual(all().sort());
    await reachAll(addresses);
  });

  it('the plugin is killed and comes back: all keep their addresses', async () => {
    await lab('service-kill');
    await labWith(settings, 'service-up');
    for (const [mode, addresses] of known) expect(await addressesOf(mode)).toEqual(addresses);
    await reachAll(all());
    expect(await leasesAtServer()).toEqual(all().sort());
  });

  it('dockerd restarts under live-restore: all keep their addresses', async () => {
    await lab('engine-down');
    await lab('engine-up', '--live-restore');
    for (const [mode, addresses] of known) expect(await addressesOf(mode)).toEqual(addresses);
    await reachAll(all());
    expect(await leasesAtServer()).toEqual(all().sort());
  });

  it('all is given back when the containers are gone', async () => {
    expect(all()).toHaveLength(10 * modes.length);
    await removeAllContainersAndNetworks();
    await until('the leases are given back', async () => (await leasesAtServer()).length === 0);
  });
}

/** The cells on addresses of one's choice. */
function describeChoices(modes: readonly Mode[]): void {
  /** The same mode, so that the choice is possible. */
  const startChoosing = async (mode: Mode) => {
    const needsSubnet = mode.choice.includes('with `--subnet`');
    const subnet = ['--subnet', `${prefix(mode)}.0/24`, '--gateway', `${prefix(mode)}.1`];
    await startNetwork(mode, ...(needsSubnet ? subnet : []));
  };
  const chosen = (mode: Mode) => `${prefix(mode)}.177`;
  const isPlain = ({ choice }: Mode) => choice.startsWith('`driver-opt=ip=');

  it.each(modes)('$title: an address of your choice by $choice', async (mode) => {
    await startChoosing(mode);
    const wish = isPlain(mode)
      ? ['--network', `name=${mode.network},driver-opt=ip=${chosen(mode)}`]
      : [`--net=${mode.network}`, '--ip', chosen(mode)];
    await docker('run', '-d', '--name', 'box', ...wish, 'bb');
    expect(await attachment('box', mode.network)).toMatchObject({ address: chosen(mode) });
    expect(await leasesAtServer()).toEqual([chosen(mode)]);
    await removeAllContainersAndNetworks();
  });

  const ways = modes.flatMap((mode) =>
    mode.restart.split(', ').map((way) => ({ mode, title: mode.title, way })),
  );
  it.each(ways)('$title: the same address after a restart by $way', async ({ mode, way }) => {
    await startChoosing(mode);
    const words =
      way === '`--ip`'
        ? [`--net=${mode.network}`, '--ip', chosen(mode)]
        : way === '`--mac-address`'
          ? [`--net=${mode.network}`, '--mac-address', '02:00:00:00:04:77']
          : ['--network', `name=${mode.network},driver-opt=id=asterisk`];
    await docker('run', '-d', '--name', 'box', '--restart=always', ...words, 'bb');
    const { address } = await attachment('box', mode.network);
    await docker('restart', '-t', '1', 'box');
    expect(await attachment('box', mode.network)).toMatchObject({ address });
    await firewallComesToReach(address);
    await removeAllContainersAndNetworks();
  });
}

describe('with the settings as they are', () => {
  let linksBefore = '';
  beforeAll(async () => {
    await up();
    linksBefore = await lab('links');
    await bridgeByHand();
  });
  afterAll(async () => {
    await removeAllContainersAndNetworks();
    for (const link of ['br10', 'eth1.10']) await run('ip', ['link', 'delete', link]);
    await until('the links are as before', async () => (await lab('links')) === linksBefore);
    await down();
  });
  describeModes(OTHERS, {});
  describeChoices(OTHERS);

  it("Docker's ipvlan is refused, and Docker says why", async () => {
    for (const mode of IPVLAN) {
      await startNetwork(mode);
      expect(await dockerRefuses('run', '--rm', `--net=${mode.network}`, 'bb')).toContain(
        'ipvlan interfaces do not support custom mac address assignment',
      );
    }
    await until('the lease is given back', async () => (await leasesAtServer()).length === 0);
  });
});

describe('IPAM_REQUIRE_MAC=false', () => {
  const settings = { IPAM_REQUIRE_MAC: 'false' };
  beforeAll(() => up(settings));
  afterAll(down);
  describeModes(IPVLAN, settings);
  describeChoices(IPVLAN);
});
