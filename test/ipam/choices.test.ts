/**
 * The table in docs/addressing-modes.md: the cells about chosen addresses, as they are written
 * there.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  bridgeByHand,
  down,
  IPVLAN,
  leasesAtServer,
  OTHERS,
  prefix,
  startNetwork,
  up,
  type Mode,
} from '../support/modes/addressing-modes.ts';
import {
  attachment,
  docker,
  firewallComesToReach,
  lab,
  removeAllContainersAndNetworks,
  run,
} from '../support/lab/lab.ts';
import { site } from '../support/lab/site.ts';

site({
  server: ['dnsmasq-no-ping', '10', '500', '600'],
  engine: false,
  plugin: 'none',
  clearsAfterEach: false,
});
afterEach(removeAllContainersAndNetworks);

/** Tests the cells about chosen addresses. */
function describeChoices(modes: readonly Mode[]): void {
  /** Makes the network of the mode again, with a subnet if the choice needs one. */
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
  });
}

describe('with the settings as they are', () => {
  beforeAll(async () => {
    await up();
    await bridgeByHand();
  });
  afterAll(async () => {
    for (const link of ['br10', 'eth1.10']) await run('ip', ['link', 'delete', link]);
    await down();
  });
  describeChoices(OTHERS);
});

describe('IPAM_REQUIRE_MAC=false', () => {
  beforeAll(() => up({ IPAM_REQUIRE_MAC: 'false' }));
  afterAll(down);
  describeChoices(IPVLAN);

  it('--aux-address, which looks like --ip here, asks nobody, also after a restart of dockerd', async () => {
    const [mode] = IPVLAN;
    const aux = [2, 3, 4, 5].flatMap((n) => ['--aux-address', `host${n}=${prefix(mode!)}.${n}`]);
    await startNetwork(mode!, '--subnet', `${prefix(mode!)}.0/24`, ...aux);
    expect(await leasesAtServer()).toEqual([]);
    await lab('engine-down');
    await lab('engine-up', '--live-restore');
    await docker('run', '-d', '--name', 'box', `--net=${mode!.network}`, 'bb');
    expect(await leasesAtServer()).toHaveLength(1);
  });
});
