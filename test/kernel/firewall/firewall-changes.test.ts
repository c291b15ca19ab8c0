import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type { FirewallWatch } from '../../../plugin/net/firewall/firewall-changes.ts';
import { ensureBridgeAccept, watchBridgeAccept } from '../../../plugin/net/firewall/firewall.ts';
import { describeLegacyFilters } from '../../../plugin/net/firewall/legacy-tables.ts';
import { until } from '../../support/lab/lab.ts';
import { enterSandbox, openDescriptors, run } from '../../support/lab/netns.ts';
import type { Sandbox } from '../../support/lab/netns.ts';

let sandbox: Sandbox;
let watch: FirewallWatch;
let changes = 0;

beforeEach(() => {
  sandbox = enterSandbox();
  changes = 0;
  watch = watchBridgeAccept(() => (changes += 1));
});

afterEach(() => {
  watch.close();
  sandbox.dispose();
});

const turns = async (): Promise<void> => {
  for (let count = 0; count < 20; count += 1) await new Promise(setImmediate);
};

describe.each(['nft', 'legacy'])('with the chains in %s', (backend) => {
  const programs = [`iptables-${backend}`, `ip6tables-${backend}`] as const;
  const onEach = (...words: string[]) => {
    for (const program of programs) run(program, ['-w', ...words]);
  };

  test.each([
    ['a new chain DOCKER-USER', ['-N', 'DOCKER-USER']],
    ['its removal', ['-X', 'DOCKER-USER']],
    ['a flush of FORWARD', ['-F', 'FORWARD']],
    ['a flush of all', ['-F']],
    ['another rule in FORWARD', ['-I', 'FORWARD', '-j', 'RETURN']],
  ])('%s is told', async (_what, words) => {
    onEach('-A', 'FORWARD', '-j', 'ACCEPT');
    if (words[0] === '-X') onEach('-N', 'DOCKER-USER');
    await turns();
    watch.look();
    changes = 0;
    run(programs[0], ['-w', ...words]);
    await until('the change is told', () => changes > 0);
    changes = 0;
    if (words[0] === '-N') return;
    run(programs[1], ['-w', ...words]);
    await until('the change is told, for IPv6, too', () => changes > 0);
  });

  test('our own rules are told, and looking at them is not', async () => {
    onEach('-N', 'DOCKER-USER');
    await ensureBridgeAccept(['br0']);
    await turns();
    watch.look();
    expect(changes).toBeGreaterThan(0);
    changes = 0;
    await ensureBridgeAccept(['br0']);
    await turns();
    watch.look();
    expect(changes).toBe(0);
  });
});

test('nft flush ruleset is told', async () => {
  run('iptables-nft', ['-w', '-N', 'DOCKER-USER']);
  await until('the chain is told', () => changes > 0);
  await turns();
  changes = 0;
  run('nft', ['flush', 'ruleset']);
  await until('the flush is told', () => changes > 0);
});

test('other chains and tables, such as those of a published port, are not told', async () => {
  run('iptables-nft', ['-w', '-N', 'OTHER']);
  await turns();
  changes = 0;
  run('iptables-nft', ['-w', '-A', 'OTHER', '-j', 'ACCEPT']);
  run('iptables-nft', ['-w', '-t', 'nat', '-A', 'POSTROUTING', '-j', 'MASQUERADE']);
  run('nft', ['add', 'table', 'inet', 'theirs']);
  await turns();
  watch.look();
  expect(changes).toBe(0);
});

test('looking makes no legacy table, and no descriptor is left', async () => {
  const before = openDescriptors();
  expect(describeLegacyFilters()).toBe('');
  expect(describeLegacyFilters()).toBe('');
  run('iptables-legacy', ['-w', '-P', 'FORWARD', 'DROP']);
  const dropping = describeLegacyFilters();
  expect(dropping).not.toBe('');
  run('iptables-legacy', ['-w', '-A', 'FORWARD', '-j', 'ACCEPT']);
  expect(describeLegacyFilters()).not.toBe(dropping);
  expect(openDescriptors()).toEqual(before);
  watch.close();
  changes = 0;
  run('iptables-legacy', ['-w', '-F']);
  run('iptables-nft', ['-w', '-N', 'DOCKER-USER']);
  watch.look();
  await turns();
  expect([watch.isTold(), changes]).toEqual([false, 0]);
});
