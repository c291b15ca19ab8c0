/**
 * firewalld and ufw of Debian 12, and iptables-legacy, really started, reloaded and stopped beside
 * the plugin as a process. With br_netfilter, each of them drops bridged frames until the plugin
 * adds its rule. The test connects from containers to another host of the VLAN. It does not ping:
 * ufw lets pings through. The doctor, asked beside it, must say the same.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { hasLegacyFilter, LEGACY_IPV4 } from '../../../plugin/net/firewall/legacy-tables.ts';
import { doctorPasses } from '../../support/servers/doctor-on-bridges.ts';
import { lab } from '../../support/lab/lab.ts';
import { ip, run, until } from '../../support/lab/netns.ts';
import { PluginSite, type Container } from '../../support/lab/plugin-site.ts';

interface Program {
  readonly start: () => Promise<unknown>;
  readonly reload: () => Promise<unknown>;
  readonly stop: () => Promise<unknown>;
  /** Does what the plugin's log says where it may not change the rules of the program. */
  readonly open?: (bridge: string) => Promise<unknown>;
  /** The chains that get one rule for each bridge. */
  readonly chains: readonly string[];
}

const FIREWALLD = 'inet firewalld';
/** Each by the program that lists it. */
const IPTABLES = ['iptables-nft', 'ip6tables-nft'];
const LEGACY = ['iptables-legacy', 'ip6tables-legacy'];

const firewalld = (backend: string, chains: readonly string[]): Program => ({
  start: () => lab('firewalld-up', backend),
  reload: () => lab('firewall-cmd', '--reload'),
  stop: () => lab('firewalld-down'),
  async open(bridge) {
    for (const words of [`--add-interface=${bridge}`, '--add-forward']) {
      await lab('firewall-cmd', '--permanent', '--zone=public', words);
    }
    await lab('firewall-cmd', '--reload');
  },
  chains,
});
const ufw = (policy: string): Program => ({
  async start() {
    await lab('ufw', 'default', policy, 'routed');
    await lab('ufw', '--force', 'enable');
  },
  reload: () => lab('ufw', 'reload'),
  stop: () => lab('ufw', 'disable'),
  chains: IPTABLES,
});
const onEach = (programs: readonly string[], ...words: readonly string[]) => {
  for (const program of programs) run(program, ['-w', ...words]);
  return Promise.resolve();
};
const legacy: Program = {
  start: () => onEach(LEGACY, '-P', 'FORWARD', 'DROP'),
  reload: () => onEach(LEGACY, '-F', 'FORWARD'),
  stop: () => onEach(LEGACY, '-P', 'FORWARD', 'ACCEPT'),
  chains: LEGACY,
};
const PROGRAMS: readonly (readonly [string, Program])[] = [
  ['firewalld', firewalld('nftables', [`${FIREWALLD} filter_FORWARD`])],
  ['firewalld with FirewallBackend=iptables', firewalld('iptables', IPTABLES)],
  ['ufw, which drops', ufw('deny')],
  ['ufw, which rejects', ufw('reject')],
  // The last one: its tables stay.
  ['iptables-legacy with the policy DROP', legacy],
];

const PORT = 4711;

let site: PluginSite;
/** On an operator's bridge. */
let adopted: Container;
/** Their frames do not pass a bridge, or pass it with a tag. No firewall sees them. */
let unseen: readonly Container[];

beforeAll(async () => {
  site = await PluginSite.start();
  site.listen(PORT);
  writeFileSync('/proc/sys/net/bridge/bridge-nf-call-iptables', '1');
  for (const card of ['eth1', 'eth2', 'eth3', 'eth4', 'eth5']) site.plug(card);
  ip('link add br2 up type bridge');
  ip('link add link eth2 name eth2.500 up master br2 type vlan id 500');
  ip('link add br5 up type bridge vlan_filtering 1');
  ip('link set eth5 master br5');
  const join = async (options: Readonly<Record<string, string>>) =>
    site.container(await site.network(options));
  adopted = await join({ parent: 'eth2.500', bridge: 'br2' });
  unseen = [
    await join({ parent: 'eth3', vlan: '500', mode: 'macvlan' }),
    await join({ parent: 'eth4', vlan: '500', mode: 'ipvlan' }),
    await join({ parent: 'eth5', vlan: '500', bridge: 'br5' }),
  ];
}, 120_000);
afterAll(async () => {
  for (const one of [adopted, ...unseen]) await site.remove(one.networkId, [one]);
  await site.dispose();
});

/** The chains with rules of ours: one entry for each rule. */
function ourRules(): string[] {
  const ofIptables = programs().flatMap((program) => ourLines(program).map(() => program));
  const tables = run('nft', ['list', 'tables']);
  const table = tables.includes(FIREWALLD)
    ? run('nft', ['list', 'table', ...FIREWALLD.split(' ')])
    : '';
  let chain = '';
  const ofFirewalld = table.split('\n').flatMap((line) => {
    chain = /^\tchain (\S+) \{/.exec(line)?.[1] ?? chain;
    return line.includes('comment "vlandhcp') ? [`${FIREWALLD} ${chain}`] : [];
  });
  return [...ofFirewalld, ...ofIptables];
}

/** A program of iptables-legacy makes its table when it lists it. */
const programs = () => (hasLegacyFilter(LEGACY_IPV4) ? [...IPTABLES, ...LEGACY] : IPTABLES);
const ourLines = (program: string) =>
  run(program, ['-S', 'FORWARD'])
    .split('\n')
    .filter((line) => line.includes(' vlandhcp '));

const connects = ({ namespace }: Container) =>
  spawnSync('ip', [
    ...['netns', 'exec', namespace.name, 'timeout', '1'],
    ...['bash', '-c', `</dev/tcp/10.50.0.1/${PORT}`],
  ]).status === 0;
const allConnect = (all: readonly Container[]) =>
  until('each container connects', () => all.every(connects));

describe.each(PROGRAMS)('%s', (_name, { start, reload, stop, open, chains }) => {
  test('containers stay joined when it starts and reloads; one rule in each chain; none at the end', async () => {
    const network = await site.network({ parent: 'eth1', vlan: '500' });
    const own = await site.container(network);
    const all = [own, adopted, ...unseen];
    await allConnect(all);
    expect(ourRules()).toEqual([]);
    const haveOneRuleEach = async () => {
      const wanted = chains.flatMap((chain) => [chain, chain]);
      const seen = () => ourRules().join() === wanted.join();
      await until('each bridge has its rules', seen).catch((cause: unknown) => {
        throw new Error(`${ourRules().join()} are there, not ${wanted.join()}`, { cause });
      });
      await allConnect(all);
      expect(ourRules()).toEqual(wanted);
      expect(await doctorPasses('br500', 'br2')).toEqual([true, true]);
    };
    await start();
    try {
      await haveOneRuleEach();
      await reload();
      await haveOneRuleEach();

      // Without the plugin nothing passes: so the frames above passed by our rules.
      await site.plugin.end();
      programs().forEach(flush);
      await reload();
      expect([own, adopted].map(connects)).toEqual([false, false]);
      expect(await doctorPasses('br500', 'br2')).toEqual([false, false]);
      await allConnect(unseen);
      if (open !== undefined) {
        await open('br2');
        expect([own, adopted].map(connects)).toEqual([false, true]);
        expect(await doctorPasses('br500', 'br2')).toEqual([false, true]);
      }
      await site.plugin.start();
      await haveOneRuleEach();

      await site.remove(network, [own]);
      expect(ourRules()).toEqual(chains);
      await allConnect([adopted, ...unseen]);
    } finally {
      await stop();
    }
    programs().forEach(flush);
  }, 180_000);
});

/** Removes our rules from FORWARD. firewalld removes its own table by itself. */
function flush(program: string): void {
  for (const rule of ourLines(program)) run(program, rule.replace('-A', '-D').split(' '));
}
