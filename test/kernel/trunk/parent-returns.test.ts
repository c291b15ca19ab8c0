/**
 * A parent is removed under 20 running containers, and comes back. The plugin is also killed while
 * it joins them again. Each container then has its link, MAC, address and route, and renews.
 */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { outcome, recordOutcomes } from '../../support/lab/outcomes.ts';
import { ip } from '../../support/lab/netns.ts';
import { PluginSite, type Container } from '../../support/lab/plugin-site.ts';

recordOutcomes();
vi.setConfig({ testTimeout: 500_000, hookTimeout: 120_000 });

const MANY = 20;
const SOME = 7;
const VLAN_LINK_MADE = { text: 'type vlan id 500', times: 1 };

/** `also`: what goes together with the parent. `moments`: one for each kill, in their order. */
const CASES = [
  {
    mode: 'bridge',
    also: ['br500'],
    moments: [
      VLAN_LINK_MADE,
      { text: 'link set dev eth1.500 master br500', times: 1 },
      { text: '"seen":"no port of br500","msg":"wiring mended"', times: SOME },
    ],
  },
  ...['macvlan', 'ipvlan'].map((mode) => ({
    ...{ mode, also: [] },
    moments: [
      VLAN_LINK_MADE,
      { text: 'link set dev eth1.500 up', times: 1 },
      { text: 'link of a running container made again', times: SOME },
    ],
  })),
];

let site: PluginSite;
beforeAll(async () => {
  site = await PluginSite.start();
  site.plug('eth1');
});
afterAll(() => site.dispose());

function macs(containers: readonly Container[]): readonly string[] {
  return containers.map(({ namespace }) =>
    namespace.run(() => /link\/ether (\S+)/.exec(ip('link show dev eth0'))?.[1] ?? 'none'),
  );
}

test.each(CASES)('mode=$mode', async ({ mode, also, moments }) => {
  const row = outcome('F', `mode=${mode}: parent gone under ${MANY} containers, plugin killed`);
  await site.withContainers({ mode, count: MANY }, async (containers) => {
    const before = macs(containers);
    const comesBack = (more: readonly string[]) => {
      for (const link of ['eth1', ...more]) ip(`link del ${link}`);
      site.plug('eth1', '02:0e:0e:0e:0e:01');
    };
    const allAreBack = async () => {
      await site.allReach(containers);
      if (mode !== 'ipvlan') expect(macs(containers)).toEqual(before);
      await site.allRenew(containers);
    };
    comesBack([]);
    await allAreBack();
    const [first, ...others] = moments;
    await site.dieAfter(first!, () => comesBack(also));
    for (const moment of others) await site.dieAfter(moment);
    await site.plugin.start();
    await allAreBack();
  });
  row.seen = `killed at ${moments.length} moments; all ${MANY} are back and renew`;
  row.leftovers = 0;
});
