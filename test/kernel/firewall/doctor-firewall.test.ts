/**
 * Tables of nftables that drop frames between two ports of a bridge, or do not: what the kernel
 * does to a ping, and what the doctor says of the same table.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { judgeForwarding, type BridgeFact } from '../../../plugin/doctor/forwarding.ts';
import { readForwarding } from '../../../plugin/net/firewall/nft-forward.ts';
import { linuxHost } from '../../../plugin/net/host.ts';
import { until } from '../../support/lab/lab.ts';
import {
  enterSandbox,
  ip,
  run,
  type Sandbox,
  type TestNamespace,
} from '../../support/lab/netns.ts';

let sandbox: Sandbox;
const hosts: TestNamespace[] = [];
const BR500 = { name: 'br500', ports: ['eth1.500', 'vdh1'] } as const;

beforeAll(async () => {
  sandbox = enterSandbox();
  ip('link add br500 type bridge');
  ip('link set br500 up');
  for (const [index, port] of BR500.ports.entries()) {
    const host = sandbox.addNamespace();
    hosts.push(host);
    ip(`link add ${port} master br500 type veth peer name eth0 netns ${host.name}`);
    ip(`link set ${port} up`);
    host.run(() => {
      ip('link set eth0 up');
      ip(`address add 10.50.0.${index + 1}/24 dev eth0`);
    });
  }
  writeFileSync('/proc/sys/net/bridge/bridge-nf-call-iptables', '1');
  writeFileSync('/proc/sys/net/bridge/bridge-nf-call-ip6tables', '0');
  await until('the ports forward', passes);
});
afterEach(() => run('nft', ['flush', 'ruleset']));
afterAll(() => sandbox.dispose());

/** A host that answered once is found without ARP. */
function passes(): boolean {
  return hosts[0]?.run(() => spawnSync('ping', ['-c1', '-W0.4', '10.50.0.2']).status) === 0;
}

async function said(families: BridgeFact['families'] = ['IPv4']): Promise<readonly string[]> {
  const links = await linuxHost.readLinks();
  const indexes = new Map(links.map(({ name, index }) => [name, index]));
  const bridges = [{ ...BR500, families, indexes }];
  const facts = { forwarding: await readForwarding(), bridges };
  return judgeForwarding(facts).map(({ level, text }) => `${level} ${text}`);
}

/** The family bridge has neither states nor, on all kernels, a reject. */
const forward = (family: string, policy: string, ...rules: readonly string[]) =>
  `table ${family} site {
    set bridges { type ifname; elements = { "br500", "br600" }; }
    set others { type ifname; elements = { "br7", "docker0" }; }
    map ways { type ifname : verdict; elements = { "br500" : goto closed }; }
    chain closed { counter ${family === 'bridge' ? 'drop' : 'log reject'}; }
    chain open { iifname "br*" oifname "br500" accept; }
    chain back { return; }
    chain passing {
      type filter hook forward priority filter + 5; policy ${policy};
      ${family === 'bridge' ? '' : STATES}
      ${rules.join('\n')}
    }
  }`;
const STATES = 'ct state established,related accept; ct state vmap { invalid : drop }';
const POLICY =
  /^fail nftables drops IPv4 frames between the ports of br500: the policy drop of chain passing in table \w+ site$/;
const rule = (chain: string) =>
  new RegExp(
    `^fail nftables drops IPv4 frames between the ports of br500: the rule with handle \\d+ of chain ${chain} in table \\w+ site$`,
  );
const OK =
  /^ok no table of nftables for bridges and IPv4 drops frames between the ports of a bridge$/;

describe('a table of the family inet', () => {
  test.each<[string, string, readonly string[], RegExp]>([
    ['a policy that drops', 'drop', [], POLICY],
    ['a policy that accepts', 'accept', [], OK],
    ['a rule for the bridge', 'drop', ['iifname "br500" oifname "br500" counter accept'], OK],
    [
      'a rule for two names in one set',
      'drop',
      ['iifname . oifname { "br500" . "br500" } accept'],
      OK,
    ],
    ['a rule for its index', 'drop', ['iif "br500" oif "br500" accept'], OK],
    ['a rule for all names with a beginning', 'drop', ['iifname "br*" accept'], OK],
    [
      'a rule for another bridge',
      'drop',
      ['iifname "br7" accept', 'iifname @others accept'],
      POLICY,
    ],
    ['a set without the bridge, inverted', 'drop', ['iifname != @others accept'], OK],
    ['a chain that accepts', 'drop', ['jump back', 'jump open'], OK],
    ['a map that leads to a reject', 'accept', ['iifname vmap @ways', 'accept'], rule('closed')],
    ['a set with the bridge', 'accept', ['iifname @bridges drop'], rule('passing')],
    ['a state', 'accept', ['ct state new drop'], rule('passing')],
    ['a family', 'accept', ['meta protocol ip drop'], rule('passing')],
    ['the kind of the link', 'accept', ['meta iifkind "bridge" drop'], rule('passing')],
    ['a protocol of others', 'accept', ['tcp dport 25 drop', 'ip saddr 10.9.0.0/16 drop'], OK],
  ])('%s', async (_, policy, rules, expected) => {
    run('nft', ['-f', '-'], forward('inet', policy, ...rules));
    const findings = await said();
    expect(findings).toEqual([expect.stringMatching(expected)]);
    expect(passes()).toBe(expected === OK);
  });
});

test('a table of the family ip', async () => {
  run('nft', ['-f', '-'], forward('ip', 'accept', 'iifname vmap @ways'));
  expect(await said()).toEqual([expect.stringMatching(rule('closed'))]);
  expect(passes()).toBe(false);
});

test('a table of the family bridge sees ports, and all protocols', async () => {
  run(
    'nft',
    ['-f', '-'],
    forward('bridge', 'accept', 'iifname "vdh*" oifname "eth1.500" ether type ip drop'),
  );
  expect(await said()).toEqual([expect.stringMatching(rule('passing'))]);
  expect(passes()).toBe(false);
  run('nft', ['flush', 'ruleset']);
  run('nft', ['-f', '-'], forward('bridge', 'drop', 'meta ibrname "br500" accept'));
  expect(await said()).toEqual([expect.stringMatching(/^ok /)]);
  expect(passes()).toBe(true);
  run('nft', ['flush', 'ruleset']);
  run('nft', ['-f', '-'], forward('bridge', 'accept', 'ether type arp drop'));
  expect(await said()).toEqual([expect.stringMatching(/^fail nftables drops ARP frames/)]);
});

test('what a rule before accepts is an exception, and the rest is told', async () => {
  run('nft', ['-f', '-'], forward('inet', 'drop', 'ip saddr 10.50.0.0/24 accept'));
  expect(await said()).toEqual([
    'warn nftables drops IPv4 frames between the ports of br500: the policy drop of chain passing in table inet site, apart from what a rule before accepts',
  ]);
  expect(passes()).toBe(true);
});

test('without br_netfilter only the family bridge counts, and each family has its own switch', async () => {
  run('nft', ['-f', '-'], forward('inet', 'drop'));
  expect(await said(['IPv6'])).toEqual([
    expect.stringMatching(/^ok .* for bridges and IPv4 drops/),
  ]);
  writeFileSync('/proc/sys/net/bridge/bridge-nf-call-ip6tables', '1');
  expect(await said(['IPv6'])).toEqual([expect.stringMatching(/^fail nftables drops IPv6 frames/)]);
  writeFileSync('/proc/sys/net/bridge/bridge-nf-call-ip6tables', '0');
  writeFileSync('/proc/sys/net/bridge/bridge-nf-call-iptables', '0');
  expect(await said()).toEqual([expect.stringMatching(/^ok .* for bridges drops/)]);
  expect(passes()).toBe(true);
  writeFileSync('/proc/sys/net/bridge/bridge-nf-call-iptables', '1');
});

test('the tables of iptables-nft are left to the words of iptables', async () => {
  run('iptables-nft', ['-P', 'FORWARD', 'DROP']);
  expect(await said()).toEqual([expect.stringMatching(OK)]);
  expect(passes()).toBe(false);
});
