/**
 * Engine 29 with `--firewall-backend=nftables`: its table as its documentation shows it, made with
 * nft. The table of firewalld. Frames between two ports of a bridge, with br_netfilter.
 */
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import {
  ensureBridgeAccept,
  removeBridgeAccept,
  watchBridgeAccept,
} from '../../../plugin/net/firewall/firewall.ts';
import { until } from '../../support/lab/lab.ts';
import { createNamespace, enterSandbox, ip, run } from '../../support/lab/netns.ts';
import type { Sandbox, TestNamespace } from '../../support/lab/netns.ts';

let sandbox: Sandbox;
beforeEach(() => {
  sandbox = enterSandbox();
});
afterEach(() => sandbox.dispose());

const FAMILIES = ['ip', 'ip6'];
const dockerTables = (policy: string) =>
  FAMILIES.map(
    (family) => `
      table ${family} docker-bridges {
        map filter-forward-in-jumps { type ifname : verdict; }
        map filter-forward-out-jumps { type ifname : verdict; }
        chain filter-forward-in__docker0 { counter drop comment "UNPUBLISHED PORT DROP"; }
        chain filter-FORWARD {
          type filter hook forward priority filter; policy ${policy};
          oifname vmap @filter-forward-in-jumps
          iifname vmap @filter-forward-out-jumps
        }
      }
      add element ${family} docker-bridges filter-forward-in-jumps { "docker0" : jump filter-forward-in__docker0 }
    `,
  ).join('');
const startDocker = (policy = 'drop') => {
  for (const family of FAMILIES) spawnSync('nft', ['delete', 'table', family, 'docker-bridges']);
  run('nft', ['-f', '-'], dockerTables(policy));
};
const ruleset = () => run('nft', ['list', 'ruleset']);
const ours = (bridge: string) =>
  `iifname "${bridge}" oifname "${bridge}" accept comment "vlandhcp ${bridge}"`;
const times = (rule: string) => ruleset().split(rule).length - 1;

describe('the table of Engine 29', () => {
  test('one rule per bridge and family, first in the chain; removed without a trace', async () => {
    startDocker();
    const before = ruleset();
    const bridges = ['br0', 'bridge-of-15-ch'];
    const added = { ipv4: 'added', ipv6: 'added', warnings: [] };
    expect(await ensureBridgeAccept(bridges)).toEqual(added);
    expect(await ensureBridgeAccept(bridges)).toEqual({
      ...added,
      ipv4: 'present',
      ipv6: 'present',
    });
    for (const family of FAMILIES) {
      const chain = run('nft', ['list', 'chain', family, 'docker-bridges', 'filter-FORWARD']);
      const rules = chain
        .split('\n')
        .slice(3, -3)
        .map((line) => line.trim());
      expect(rules.slice(0, 2).sort()).toEqual(bridges.map(ours).sort());
      expect(rules).toHaveLength(4);
    }
    for (const bridge of bridges) expect((await removeBridgeAccept(bridge)).ipv4).toBe('removed');
    expect((await removeBridgeAccept('br0')).ipv6).toBe('absent');
    expect(ruleset()).toBe(before);
  });

  test('a policy that accepts needs no rule', async () => {
    startDocker('accept');
    const before = ruleset();
    expect(await ensureBridgeAccept(['br0'])).toMatchObject({ ipv4: 'no-chain', ipv6: 'no-chain' });
    expect(ruleset()).toBe(before);
  });

  test('many calls at once, and surplus rules, end with one rule; rules of others stay', async () => {
    startDocker();
    const chain = ['ip', 'docker-bridges', 'filter-FORWARD'];
    const theirs = 'iifname "br0" oifname "br0" accept comment "theirs"';
    run('nft', ['-f', '-'], `add rule ${chain.join(' ')} ${theirs}`);
    await Promise.all([['br0'], ['br0', 'br1'], ['br0']].map(ensureBridgeAccept));
    expect([times(ours('br0')), times(ours('br1'))]).toEqual([2, 2]);
    run('nft', ['-f', '-'], `add rule ${chain.join(' ')} ${ours('br0')}`);
    expect(times(ours('br0'))).toBe(3);
    await ensureBridgeAccept(['br0']);
    expect([times(ours('br0')), times(theirs)]).toEqual([2, 1]);
  });

  test('a table that is made anew during a removal keeps the rules of others', async () => {
    startDocker();
    for (let count = 0; count < 10; count += 1) {
      await ensureBridgeAccept(['br0']);
      const remake = FAMILIES.map((family) => `delete table ${family} docker-bridges\n`).join('');
      const nft = spawn('nft', ['-f', '-']);
      nft.stdin.end(remake + dockerTables('drop'));
      const isDone = new Promise((resolve) => nft.on('close', resolve));
      const [removed, status] = await Promise.all([removeBridgeAccept('br0'), isDone]);
      expect([removed.warnings, status]).toEqual([[], 0]);
      expect([times('vmap @filter-forward-in'), times('vmap @filter-forward-out')]).toEqual([2, 2]);
    }
  });

  test('a dockerd that starts makes the table anew: that is told, and the rule comes back', async () => {
    startDocker();
    let changes = 0;
    const watch = watchBridgeAccept(() => (changes += 1));
    try {
      await ensureBridgeAccept(['br0']);
      await until('our rule is told', () => changes > 0);
      changes = 0;
      startDocker();
      expect(times(ours('br0'))).toBe(0);
      await until('the new table is told', () => changes > 0);
      await ensureBridgeAccept(['br0']);
      expect(times(ours('br0'))).toBe(2);
    } finally {
      watch.close();
    }
  });
});

test('the table of firewalld: a rule before its reject, again after a reload, none in the end', async () => {
  const reload = () => {
    spawnSync('nft', ['delete', 'table', 'inet', 'firewalld']);
    run(
      'nft',
      ['-f', '-'],
      `table inet firewalld { chain filter_FORWARD {
        type filter hook forward priority filter + 10; policy accept;
        ct state { established, related } accept
        reject with icmpx admin-prohibited
      }
      }`,
    );
  };
  reload();
  const before = ruleset();
  for (let count = 0; count < 2; count += 1) {
    expect((await ensureBridgeAccept(['br0'])).ipv4).toBe('added');
    expect((await ensureBridgeAccept(['br0'])).ipv4).toBe('present');
    expect(ruleset().indexOf(ours('br0'))).toBeLessThan(ruleset().indexOf('ct state'));
    expect(times(ours('br0'))).toBe(1);
    if (count === 0) reload();
  }
  expect((await removeBridgeAccept('br0')).ipv4).toBe('removed');
  expect(ruleset()).toBe(before);
});

describe('frames between two ports of a bridge', () => {
  const ports: TestNamespace[] = [];
  afterEach(() => {
    for (const port of ports.splice(0)) port.delete();
  });

  const reach = (target: string) =>
    ports[0]?.run(() => spawnSync('ping', ['-c1', '-W1', target]).status) === 0;

  test.each([
    ['IPv4', ['10.9.0.1/24', '10.9.0.2/24'], 'iptables'],
    ['IPv6', ['2001:db8:9::1/64', '2001:db8:9::2/64'], 'ip6tables'],
  ])('of %s pass by our rule, and only by it', async (_family, hosts, tables) => {
    ip('link add br0 type bridge');
    ip('link set br0 up');
    for (const [index, host] of hosts.entries()) {
      const port = createNamespace();
      ports.push(port);
      ip(`link add p${index} master br0 type veth peer name eth0 netns ${port.name}`);
      ip(`link set p${index} up`);
      port.run(() => {
        ip('link set eth0 up');
        ip(`address add ${host} dev eth0${host.includes(':') ? ' nodad' : ''}`);
      });
    }
    const flag = `/proc/sys/net/bridge/bridge-nf-call-${tables}`;
    writeFileSync(flag, '1');
    expect(readFileSync(flag, 'utf8')).toBe('1\n');
    const reaches = () => reach(hosts[1]!.split('/')[0]!);
    await until('the ports forward', reaches);
    startDocker();
    expect(reaches()).toBe(false);
    await ensureBridgeAccept(['br0']);
    expect(reaches()).toBe(true);
    await removeBridgeAccept('br0');
    expect(reaches()).toBe(false);
  });
});
