import { spawnSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { ensureBridgeAccept, removeBridgeAccept } from '../../../plugin/net/firewall/firewall.ts';
import { enterSandbox, run } from '../../support/lab/netns.ts';
import type { Sandbox } from '../../support/lab/netns.ts';

let sandbox: Sandbox;

beforeEach(() => {
  sandbox = enterSandbox();
});

afterEach(() => {
  sandbox.dispose();
});

const RULE = '-A DOCKER-USER -i br0 -o br0 -m comment --comment vlandhcp -j ACCEPT';
const LAST_RESORT = RULE.replace('DOCKER-USER', 'FORWARD');
const rules = (program: string, chain = 'DOCKER-USER'): string[] =>
  run(program, ['-w', '-S', chain])
    .split('\n')
    .filter((line) => line.startsWith('-A'));

describe('without a chain DOCKER-USER', () => {
  test('nothing is done, and no table comes into being', async () => {
    const noChain = { ipv4: 'no-chain', ipv6: 'no-chain', warnings: [] };
    expect(await ensureBridgeAccept(['br0'])).toEqual(noChain);
    const absent = { ipv4: 'absent', ipv6: 'absent', warnings: [] };
    expect(await removeBridgeAccept('br0')).toEqual(absent);
    expect(run('nft', ['list', 'ruleset'])).toBe('');
    const tables = spawnSync('cat', ['/proc/net/ip_tables_names'], { encoding: 'utf8' });
    expect(tables.stdout).toBe('');
  });
});

describe.each(['nft', 'legacy'])('with the chain in %s', (backend) => {
  const programs = [`iptables-${backend}`, `ip6tables-${backend}`] as const;

  beforeEach(() => {
    for (const program of programs) {
      run(program, ['-w', '-N', 'DOCKER-USER']);
      run(program, ['-w', '-A', 'DOCKER-USER', '-j', 'RETURN']);
    }
  });

  test('exactly one rule per family, first in the chain; removed without a trace', async () => {
    expect(await ensureBridgeAccept(['br0'])).toEqual({
      ipv4: 'added',
      ipv6: 'added',
      warnings: [],
    });
    expect(await ensureBridgeAccept(['br0'])).toMatchObject({ ipv4: 'present', ipv6: 'present' });
    for (const program of programs) {
      expect(rules(program)).toEqual([RULE, '-A DOCKER-USER -j RETURN']);
      expect(rules(program, 'FORWARD')).toEqual([LAST_RESORT]);
    }
    expect(await removeBridgeAccept('br0')).toMatchObject({ ipv4: 'removed', ipv6: 'removed' });
    expect(await removeBridgeAccept('br0')).toMatchObject({ ipv4: 'absent', ipv6: 'absent' });
    for (const program of programs) {
      expect(rules(program)).toEqual(['-A DOCKER-USER -j RETURN']);
      expect(rules(program, 'FORWARD')).toEqual([]);
    }
  });

  test('last in FORWARD it bridges the moment in which dockerd has taken the jump out', async () => {
    const [program] = programs;
    run(program, ['-w', '-A', 'FORWARD', '-j', 'DOCKER-USER']);
    await ensureBridgeAccept(['br0', 'br1']);
    const [first, second] = [LAST_RESORT, LAST_RESORT.replaceAll('br0', 'br1')];
    expect(rules(program, 'FORWARD')).toEqual(['-A FORWARD -j DOCKER-USER', first, second]);

    run(program, ['-w', '-F', 'FORWARD']);
    expect((await ensureBridgeAccept(['br0'])).ipv4).toBe('added');
    expect(rules(program, 'FORWARD')).toEqual([LAST_RESORT]);

    // Docker runs without iptables, and somebody has cleaned up.
    run(program, ['-w', '-F', 'DOCKER-USER']);
    run(program, ['-w', '-X', 'DOCKER-USER']);
    expect((await removeBridgeAccept('br0')).ipv4).toBe('removed');
    expect(rules(program, 'FORWARD')).toEqual([]);
  });

  test('a flush of all chains leaves the policy: the rule in FORWARD comes back without the chain', async () => {
    for (const program of programs) {
      run(program, ['-w', '-A', 'FORWARD', '-j', 'DOCKER-USER']);
      run(program, ['-w', '-P', 'FORWARD', 'DROP']);
    }
    await ensureBridgeAccept(['br0']);
    for (const program of programs) {
      run(program, ['-w', '-F']);
      run(program, ['-w', '-X']);
    }
    expect(await ensureBridgeAccept(['br0'])).toMatchObject({ ipv4: 'added', ipv6: 'added' });
    expect(await ensureBridgeAccept(['br0'])).toMatchObject({ ipv4: 'present', ipv6: 'present' });
    for (const program of programs) {
      expect(rules(program, 'FORWARD')).toEqual([LAST_RESORT]);
      // Does what a starting dockerd does: the chain is new, and the jump comes first.
      run(program, ['-w', '-N', 'DOCKER-USER']);
      run(program, ['-w', '-I', 'FORWARD', '-j', 'DOCKER-USER']);
    }
    expect(await ensureBridgeAccept(['br0'])).toMatchObject({ ipv4: 'added', ipv6: 'added' });
    for (const program of programs) {
      expect(rules(program)).toEqual([RULE]);
      expect(rules(program, 'FORWARD')).toEqual(['-A FORWARD -j DOCKER-USER', LAST_RESORT]);
    }
    await removeBridgeAccept('br0');
    for (const program of programs) {
      expect(rules(program)).toEqual([]);
      expect(rules(program, 'FORWARD')).toEqual(['-A FORWARD -j DOCKER-USER']);
    }
  });

  test('a policy that turns to DROP on a host without the chain; one that accepts needs no rule', async () => {
    const [program] = programs;
    run(program, ['-w', '-F', 'DOCKER-USER']);
    run(program, ['-w', '-X', 'DOCKER-USER']);
    expect((await ensureBridgeAccept(['br0'])).ipv4).toBe('no-chain');
    run(program, ['-w', '-P', 'FORWARD', 'DROP']);
    expect((await ensureBridgeAccept(['br0'])).ipv4).toBe('added');
    expect(rules(program, 'FORWARD')).toEqual([LAST_RESORT]);
  });

  test('a FORWARD that rejects at its end: the rule is before that, also if it was behind', async () => {
    const [program] = programs;
    run(program, ['-w', '-F', 'DOCKER-USER']);
    run(program, ['-w', '-X', 'DOCKER-USER']);
    run(program, ['-w', '-N', 'theirs']);
    run(program, ['-w', '-A', 'FORWARD', '-i', 'eth7', '-j', 'DROP']);
    run(program, ['-w', '-A', 'FORWARD', '-j', 'theirs']);
    expect((await ensureBridgeAccept(['br0'])).ipv4).toBe('no-chain');
    // The way of ufw: every packet goes to a chain that rejects.
    run(program, ['-w', '-A', 'theirs', '-j', 'REJECT']);
    const [first, end] = ['-A FORWARD -i eth7 -j DROP', '-A FORWARD -j theirs'];
    const other = LAST_RESORT.replaceAll('br0', 'br1');
    expect((await ensureBridgeAccept(['br0', 'br1'])).ipv4).toBe('added');
    expect((await ensureBridgeAccept(['br0', 'br1'])).ipv4).toBe('present');
    expect(rules(program, 'FORWARD')).toEqual([first, other, LAST_RESORT, end]);
    run(program, ['-w', '-I', 'FORWARD', '-j', 'REJECT']);
    expect((await ensureBridgeAccept(['br0'])).ipv4).toBe('added');
    expect(rules(program, 'FORWARD')[0]).toBe(LAST_RESORT);
    expect(rules(program, 'FORWARD').filter((rule) => rule === LAST_RESORT)).toHaveLength(1);
    for (const bridge of ['br0', 'br1']) await removeBridgeAccept(bridge);
    expect(rules(program, 'FORWARD').filter((rule) => rule.includes('vlandhcp'))).toEqual([]);
  });

  test('many calls at once make one rule per bridge', async () => {
    const calls = [['br0'], ['br0', 'br1'], ['br0'], ['br1'], ['br0']].map(ensureBridgeAccept);
    await Promise.all(calls);
    expect(rules(programs[0]).filter((rule) => rule === RULE)).toHaveLength(1);
    expect(rules(programs[0], 'FORWARD')).toHaveLength(2);
    expect(rules(programs[0])).toHaveLength(3);
  });

  test('surplus rules of ours are reduced to one; rules of others stay, also one like ours', async () => {
    const [program] = programs;
    const insert = (...rule: string[]) => run(program, ['-w', '-I', 'DOCKER-USER', ...rule]);
    const accept = ['-i', 'br0', '-o', 'br0', '-j', 'ACCEPT'];
    insert(...accept);
    insert('-m', 'comment', '--comment', 'theirs', ...accept);
    insert('-s', '10.0.0.0/8', '-m', 'comment', '--comment', 'vlandhcp', ...accept);
    const others = rules(program);
    expect(others).toHaveLength(4);

    expect((await ensureBridgeAccept(['br0'])).ipv4).toBe('added');
    for (let count = 0; count < 2; count += 1) {
      insert('-m', 'comment', '--comment', 'vlandhcp', ...accept);
    }
    expect(rules(program).filter((rule) => rule === RULE)).toHaveLength(3);
    expect((await ensureBridgeAccept(['br0'])).ipv4).toBe('present');
    expect(rules(program)).toEqual([RULE, ...others]);
    expect((await removeBridgeAccept('br0')).ipv4).toBe('removed');
    expect(rules(program)).toEqual(others);
  });
});

test('a bridge name that is none never reaches iptables', async () => {
  await expect(ensureBridgeAccept(['br0', 'br0 -j DROP'])).rejects.toMatchObject({
    code: 'INVALID_OPTION',
  });
});
