/**
 * The table "uplink acceptance" is complete: each thing that the uplink must show, each attack and
 * each bad day has a row, and each row is proven by one test.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import rows from '../../support/uplink/acceptance-rows.json' with { type: 'json' };
import { root } from '../../support/pages/readme.ts';

/** What the design of the uplink promises to show, claim by claim, with the rows of each. */
const PROMISED: Readonly<Record<string, readonly string[]>> = {
  'three commands on bare hosts behind two NATs, then a container': ['three-commands', 'two-nats'],
  'the office pings it, and the trunk has its tag and its MAC': ['office-ping', 'tag-500'],
  'the token a second time is refused; no frame after revoke': ['token-again', 'revoked'],
  'a VLAN taken away is gone, others are unharmed': ['vlan-taken', 'vlan-others'],
  '1500 bytes with DF; 100 MB without a fragment; 1280 likewise': ['1500-df', '100-mb', '1280'],
  'cut, roam, reboots, kill -9': ['cut-60', 'roam', 'hub-reboot', 'member-reboot', 'kill-9'],
  'UDP dropped, and open again; jump hosts': ['tls-join', 'tls-back', 'jump-hosts'],
  'docker --context, at the hub and exported': ['context-hub', 'context-bundle'],
  'no certificate; names of the certificate': ['no-certificate', 'certificate-names'],
  'a boot with the hub off': ['boot-docker', 'boot-why', 'boot-lease'],
  'a Swarm: a service, and 1300 bytes': ['swarm-service', 'swarm-overlay'],
  'nothing is left': ['nothing-left'],
};

/** Who attacks, and what must stop the attack. */
const ATTACKS: Readonly<Record<string, readonly string[]>> = {
  'somebody on the Internet': ['silent-port', 'tls-garbage', 'outside'],
  'who has a token': ['token'],
  'a member, where it is not at home': ['binding', 'other-vlans', 'refused', 'routed'],
  'a member against members': ['isolated', 'between', 'mesh-outside', 'mesh-inside'],
  'a member as a server': ['dhcp_server', 'dhcp6_server', 'router_advert', 'hidden'],
  'a member as a switch': ['bpdu', 'cisco', 'tagged', 'broadcast'],
  'who reads the disk of the hub, or is the hub': ['disk', 'not-managed'],
};

const DAYS: Readonly<Record<string, readonly string[]>> = {
  'a token twice, expired, cut, of another version': ['twice', 'expired', 'cut', 'version'],
  'a token with blanks; two hosts at once': ['blanks-around', 'blanks-in', 'at-once'],
  'the disk of the hub is full between writing and answering': ['disk-full', 'hub-dies'],
  'revoked, and a VLAN taken away, while containers run': ['revoked', 'vlan'],
  'reboots in either order; a wrong clock': ['hub-first', 'member-first', 'clock'],
  'one NAT; 1280; UDP one way': ['one-nat', '1280', 'udp-in', 'udp-out'],
  'the registrar is sent anything': ['fuzz'],
};

const keysOf = (claims: Readonly<Record<string, readonly string[]>>, prefix: string) =>
  Object.values(claims).flatMap((keys) => keys.map((key) => `${prefix}-${key}`));

it('each promise, each attack and each bad day has its rows, and there are no others', () => {
  const wanted = [
    ...keysOf(PROMISED, 'shows'),
    ...keysOf(ATTACKS, 'attack'),
    ...keysOf(DAYS, 'day'),
  ];
  expect(rows.map(({ key }) => key).sort()).toEqual(wanted.sort());
});

it('each row is proven by one test, in the file that the row names', () => {
  const folder = join(root, 'test');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (path) => path.endsWith('.test.ts') && path !== 'unit/support/acceptance.test.ts',
  );
  const texts = files.map((path) => [path, readFileSync(join(folder, path), 'utf8')] as const);
  const proven = rows.map(({ key }) => {
    const of = texts.flatMap(([path, text]) =>
      text
        .split(`'${key}'`)
        .slice(1)
        .map(() => path),
    );
    return [key, of];
  });
  expect(proven).toEqual(rows.map(({ key, test }) => [key, [test]]));
});

it('each counter that stops something has a row', () => {
  const page = readFileSync(join(root, 'docs/uplink-security.md'), 'utf8');
  const [, table = ''] = page.split('| counter | table |');
  const stopping = table
    .split('\n')
    .filter((line) => line.startsWith('| `') && !line.includes('| nothing: '))
    .flatMap((line) =>
      [...(line.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, one]) => one),
    );
  const known = rows.map(({ key }) => key.replace(/^attack-/, ''));
  // `pieces` is of a probe, and is proven where its way is narrow.
  const missing = stopping.filter(
    (one = '') => one !== 'pieces' && !known.includes(one.replace(/_\d$/, '')),
  );
  expect([stopping.length > 8, missing]).toEqual([true, []]);
});

describe('the printed table', () => {
  const results = mkdtempSync(join(tmpdir(), 'vlandhcp-acceptance-'));
  afterAll(() => rmSync(results, { recursive: true }));

  /** As if these tests had run. @param statuses by the key of a row. */
  function print(statuses: Readonly<Record<string, string>>, ...names: string[]) {
    mkdirSync(join(results, 'kernel-1'), { recursive: true });
    const assertionResults = Object.entries(statuses).map(([key, status]) => ({
      status,
      meta: { proves: [{ key, seen: `saw ${key}`, figure: '0.3 s' }] },
    }));
    const report = {
      testResults: [{ assertionResults: [{ status: 'passed' }] }, { assertionResults }],
    };
    writeFileSync(join(results, 'kernel-1/report.json'), JSON.stringify(report));
    const program = join(root, 'scripts/results/acceptance.mjs');
    const { status, stdout } = spawnSync(process.execPath, [program, results, ...names], {
      encoding: 'utf8',
    });
    const rowOf = (key: string) => {
      const { says } = rows.find((row) => row.key === key)!;
      return stdout.split('\n').find((line) => line.includes(`| ${says} `)) ?? '';
    };
    return { status, stdout, rowOf };
  }
  const kernel = Object.fromEntries(
    rows.filter(({ test }) => test.startsWith('kernel/')).map(({ key }) => [key, 'passed']),
  );

  it('has what a test saw, in a run that proves all rows of its tiers', () => {
    const { status, stdout, rowOf } = print(kernel, 'kernel-1', 'kernel-2');
    expect(rowOf('attack-binding')).toMatch(/\| saw attack-binding +\| 0\.3 s +\| .* \| proven /);
    expect(rowOf('shows-cut-60')).toContain('| not run ');
    expect([status, stdout]).toEqual([
      0,
      expect.stringMatching(/, 0 failed or missing, \d+ not run\n$/),
    ]);
  });

  it('counts as failed without a row whose tier ran, or with one whose test failed', () => {
    const others = Object.entries(kernel).filter(([key]) => key !== 'attack-binding');
    const missing = print(Object.fromEntries(others), 'kernel-1');
    expect(missing.rowOf('attack-binding')).toContain('| MISSING ');
    const failed = print({ ...kernel, 'attack-binding': 'failed' }, 'kernel-1');
    expect(failed.rowOf('attack-binding')).toContain('| FAILED ');
    for (const { status, stdout } of [missing, failed]) {
      expect([status, stdout]).toEqual([1, expect.stringContaining(', 1 failed or missing, ')]);
    }
  });

  it('is empty where nothing of it ran', () => {
    expect(print({}, 'page')).toMatchObject({ status: 0, stdout: '' });
  });
});
