/**
 * The table in docs/addressing-modes.md, row by row as it is written there. Containers of all modes
 * run at once. The tests check what restarts of plugin and dockerd do to their addresses.
 * The cells about chosen addresses are in test/ipam/choices.test.ts.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bridgeByHand,
  down,
  IPVLAN,
  leasesAtServer,
  OTHERS,
  prefix,
  reachAll,
  startNetwork,
  up,
  type Mode,
} from '../support/modes/addressing-modes.ts';
import {
  docker,
  dockerRefuses,
  lab,
  labWith,
  links,
  removeAllContainersAndNetworks,
  run,
  until,
} from '../support/lab/lab.ts';
import { site } from '../support/lab/site.ts';

/**
 * The number of containers of each mode. All run at once, and are enough to disturb each other. How
 * they do that does not depend on the engine. So the engines 20 and 28 run each row of the table
 * with one container.
 */
const COUNT = ['20', '28'].includes(process.env['ENGINE'] ?? '') ? 1 : 4;
const boxes = ({ network }: Mode) => Array.from({ length: COUNT }, (_, i) => `${network}-${i}`);

interface Seen {
  readonly pid: number;
  readonly address: string;
  readonly prefixLength: number;
  readonly gateway: string;
}

/** What Docker says about all containers of a network, in their order. */
async function inspect(mode: Mode): Promise<readonly Seen[]> {
  const text = await docker('inspect', ...boxes(mode));
  const all = JSON.parse(text) as readonly {
    readonly State: { readonly Pid: number };
    readonly NetworkSettings: {
      readonly Networks: Record<
        string,
        { IPAddress: string; IPPrefixLen: number; Gateway: string }
      >;
    };
  }[];
  return all.map(({ State, NetworkSettings: { Networks } }) => {
    const { IPAddress = '', IPPrefixLen = 0, Gateway = '' } = Networks[mode.network] ?? {};
    return { pid: State.Pid, address: IPAddress, prefixLength: IPPrefixLen, gateway: Gateway };
  });
}

/** Checks that each container has what Docker says. @returns the addresses. */
async function addressesOf(mode: Mode): Promise<string[]> {
  const seen = await inspect(mode);
  for (const { pid, address, prefixLength, gateway } of seen) {
    const look = ['-t', String(pid), '-n', 'sh', '-c', 'ip -4 addr; ip route'];
    const { stdout } = await run('nsenter', look);
    expect(stdout).toContain(` ${address}/${prefixLength} `);
    expect(stdout).toContain(`default via ${gateway} dev eth0`);
  }
  return seen.map(({ address }) => address);
}

site({
  server: ['dnsmasq-no-ping', '10', '500', '600'],
  engine: false,
  plugin: 'none',
  clearsAfterEach: false,
});

it('the table has the rows that this test knows', () => {
  expect([OTHERS.length, IPVLAN.length]).toEqual([5, 1]);
});

/** Tests containers of each mode, and their addresses after restarts. */
function describeModes(modes: readonly Mode[], settings: Readonly<Record<string, string>>): void {
  const known = new Map<Mode, readonly string[]>();
  const all = () => [...known.values()].flat();

  it.each(modes)('$title: each container has a lease of its own', async (mode) => {
    await startNetwork(mode);
    const config = await docker('network', 'inspect', '-f', '{{json .IPAM.Config}}', mode.network);
    const shown = [{ Subnet: `${prefix(mode)}.0/24`, Gateway: `${prefix(mode)}.1` }];
    if (mode.showsSubnet) expect(JSON.parse(config)).toMatchObject(shown);
    else expect(config).not.toContain(prefix(mode));
    for (const name of boxes(mode)) {
      await docker('run', '-d', '--name', name, `--net=${mode.network}`, 'bb');
    }
    const addresses = await addressesOf(mode);
    expect(new Set(addresses).size).toBe(COUNT);
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
    expect(all()).toHaveLength(COUNT * modes.length);
    await removeAllContainersAndNetworks();
    await until('the leases are given back', async () => (await leasesAtServer()).length === 0);
  });
}

describe('with the settings as they are', () => {
  let linksBefore = '';
  beforeAll(async () => {
    await up();
    linksBefore = await links();
    await bridgeByHand();
  });
  afterAll(async () => {
    await removeAllContainersAndNetworks();
    for (const link of ['br10', 'eth1.10']) await run('ip', ['link', 'delete', link]);
    await until('the links are as before', async () => (await links()) === linksBefore);
    await down();
  });
  describeModes(OTHERS, {});

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
});
