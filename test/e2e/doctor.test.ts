/**
 * `docker vlandhcp doctor` on broken set-ups: it names the cause of each, and has no complaint of a
 * healthy one. The table at the end has a row for each set-up, and all rows are asserted.
 */
import { chmodSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { docker, ip, lab, networkCommand, output, run, until } from '../support/lab.ts';
import { createFw500, runBox, site } from '../support/site.ts';

interface Finding {
  readonly check: string;
  readonly subject: string;
  readonly level: 'ok' | 'warn' | 'fail';
  readonly text: string;
  readonly mend?: string;
}

const DOCTOR = join(import.meta.dirname, '../../cli/docker-vlandhcp');
/** `unshare`: broken only for the command itself, because no lab can break it for all. */
const EMPTY = '/run/lab/empty';

site({ server: ['dnsmasq-no-ping', '500'], plugin: 'managed', clearsAfterEach: false });

/** What the command finds wrong. */
async function findings(before = '', flags = ''): Promise<readonly Finding[]> {
  const { stdout, stderr, status } = await run('bash', [
    '-c',
    `${before} ${DOCTOR} doctor --json ${flags}`,
  ]);
  if (stderr !== '') throw new Error(stderr);
  const all = JSON.parse(stdout) as readonly Finding[];
  const wrong = all.filter(({ level }) => level !== 'ok');
  expect(status).toBe(wrong.length === 0 ? 0 : 2);
  expect(wrong.filter(({ mend }) => mend === undefined)).toEqual([]);
  return wrong;
}

const rows: { setUp: string; brokenBy: string; wrong: readonly Finding[]; cause: RegExp }[] = [];

/** Breaks something, looks, and mends it. The only thing found wrong is the cause. */
async function row(
  setUp: string,
  cause: RegExp,
  {
    brokenBy,
    breaks,
    mends,
    before,
    flags,
  }: {
    brokenBy: string;
    breaks?: () => Promise<unknown>;
    mends?: () => Promise<unknown>;
    before?: string;
    flags?: string;
  },
): Promise<void> {
  await breaks?.();
  let wrong: readonly Finding[] = [];
  try {
    wrong = await findings(before, flags);
    rows.push({ setUp, brokenBy, wrong, cause });
  } finally {
    await mends?.();
  }
  expect(wrong.map(({ level, text }) => `${level} ${text}`)).toEqual([
    expect.stringMatching(cause) as string,
  ]);
}

const socket = async () =>
  `/run/docker/plugins/${await docker('plugin', 'inspect', '-f', '{{.Id}}', 'vlandhcp:stable')}/admin.sock`;
const servers = (...options: string[]) =>
  lab('server-up', 'dnsmasq-no-ping', '500', ...(options.length > 0 ? ['--', ...options] : []));

beforeAll(async () => {
  await output('mkdir', ['-p', `${EMPTY}/folder`]);
  await output('touch', [`${EMPTY}/file`]);
  await createFw500();
  await runBox();
});
afterAll(async () => {
  rmSync(EMPTY, { recursive: true, force: true });
  await docker('rm', '-f', 'box');
  await docker('network', 'rm', 'fw500');
  const width = Math.max(...rows.map(({ setUp }) => setUp.length));
  const lines = rows.map(
    ({ setUp, brokenBy, wrong }) =>
      `${setUp.padEnd(width)}  ${brokenBy}\n${wrong
        .map(
          ({ level, text, mend }) =>
            `${' '.repeat(width)}  ${level} ${text}\n${' '.repeat(width)}       -> ${String(mend)}`,
        )
        .join('\n')}`,
  );
  process.stdout.write(`\n${lines.join('\n')}\n`);
});

it('a healthy host has nothing wrong, and the page says so', async () => {
  const { stdout, stderr, status } = await run(DOCTOR, ['doctor']);
  expect([stderr, stdout]).toEqual(['', expect.stringMatching(/\n0 wrong, 0 to look at, 1\d ok\n$/)]); // prettier-ignore
  expect(status).toBe(0);
  expect(stdout).toContain('VLAN 500 of eth1: server 10.50.0.1 offers an address');
});

it('wrong tag', () =>
  row('wrong tag', /^fail VLAN 501 of eth1: no DHCP server answers, and on VLAN 500 one does/, {
    brokenBy: 'network with vlan=501',
    breaks: () => docker(...networkCommand('fw501', ['parent=eth1', 'vlan=501'])),
    mends: () => docker('network', 'rm', 'fw501'),
  }));

it('cable out', () =>
  row('cable out', /^fail eth1 has no carrier: the cable is out/, {
    brokenBy: 'the far end of eth1 goes down',
    breaks: () => ip('-n', 'fw', 'link', 'set', 'trunk', 'down'),
    mends: () => ip('-n', 'fw', 'link', 'set', 'trunk', 'up'),
  }));

it('pool exhausted', () =>
  row(
    'pool exhausted',
    /^warn VLAN 500 of eth1: server 10\.50\.0\.1 is there \(.*its pool is exhausted/,
    {
      brokenBy: 'dnsmasq ignores all MACs but that of box',
      breaks: async () => {
        await lab('server-down');
        await servers('--dhcp-ignore=tag:!known');
      },
      mends: async () => {
        await lab('server-down');
        await servers();
      },
    },
  ));

it('two servers', () =>
  row(
    'two servers',
    /^warn VLAN 500 of eth1: 2 DHCP servers answer: 10\.50\.0\.1 .* and 10\.50\.0\.2/,
    {
      brokenBy: 'a second server on the VLAN',
      breaks: () => lab('server-up', 'embedded', '500'),
      mends: async () => {
        await lab('server-down');
        await servers();
      },
    },
  ));

it('no server', () =>
  row(
    'no server',
    /^fail VLAN 500 of eth1: no DHCP server answers, and 10\.50\.0\.1, which leased here before, does not answer/,
    {
      brokenBy: "the firewall's VLAN link goes down",
      breaks: () => ip('-n', 'fw', 'link', 'set', 'trunk.500', 'down'),
      mends: () => ip('-n', 'fw', 'link', 'set', 'trunk.500', 'up'),
    },
  ));

it('FORWARD DROP', () =>
  row(
    'FORWARD DROP',
    /^fail iptables drops frames between the ports of br500: -A FORWARD -i br500 -j DROP/,
    {
      brokenBy: 'a rule of somebody else before those of Docker',
      breaks: () => output('iptables', ['-I', 'FORWARD', '-i', 'br500', '-j', 'DROP']),
      mends: () => output('iptables', ['-D', 'FORWARD', '-i', 'br500', '-j', 'DROP']),
    },
  ));

it('no 8021q', () =>
  row('no 8021q', /^fail kernel \S+ has no 8021q, so no VLAN link can be made/, {
    brokenBy: 'the command sees no trace of the module (unshare)',
    before: `unshare -m sh -c 'mkdir -p ${EMPTY}/folder; mount --bind ${EMPTY}/folder /proc/net/vlan; grep -v register_vlan_dev /proc/kallsyms > ${EMPTY}/symbols; mount --bind ${EMPTY}/symbols /proc/kallsyms; [ ! -d /lib/modules ] || mount --bind ${EMPTY}/folder /lib/modules; [ ! -d /sys/module/8021q ] || mount -t tmpfs none /sys/module; exec "$@"' sh`,
  }));

it('admin socket', () =>
  row('admin socket', /^fail the mode of the admin socket is 666: users other than root/, {
    brokenBy: 'chmod 666',
    breaks: async () => chmodSync(await socket(), 0o666),
    mends: async () => chmodSync(await socket(), 0o600),
  }));

it('foreign bridge STP', () =>
  row('foreign bridge STP', /^fail mybr runs STP/, {
    brokenBy: 'a bridge of the operator, with STP',
    breaks: async () => {
      await ip('link', 'add', 'mybr', 'type', 'bridge', 'stp_state', '1');
      await ip('link', 'set', 'mybr', 'up');
      await lab('server-down');
      await lab('server-up', 'dnsmasq-no-ping', '500', '600');
      await docker(...networkCommand('fw600', ['parent=eth1', 'vlan=600', 'bridge=mybr']));
    },
    mends: async () => {
      await docker('network', 'rm', 'fw600');
      await ip('link', 'del', 'mybr');
    },
  }));

it('stale VLAN link', () =>
  row(
    'stale VLAN link',
    /^warn eth1\.700 is a VLAN link of the plugin \(VLAN 700 of eth1\) that no network uses/,
    {
      brokenBy: 'a link with the mark of the plugin',
      breaks: async () => {
        await ip('link', 'add', 'link', 'eth1', 'name', 'eth1.700', 'type', 'vlan', 'id', '700');
        await ip('link', 'set', 'eth1.700', 'alias', 'vlandhcp vlan');
      },
      mends: () => ip('link', 'del', 'eth1.700'),
    },
  ));

it('private /run', () =>
  row('private /run', /^fail the mount \/run is private/, {
    brokenBy: 'mount --make-private /run',
    breaks: () => output('mount', ['--make-private', '/run']),
    mends: () => output('mount', ['--make-shared', '/run']),
  }));

it('clock wrong', async () => {
  const far = new Date(Date.now() - 86_400_000).toISOString();
  await row(
    'clock wrong',
    /^fail the clock of this host was set back by 24 h since leases were made/,
    {
      brokenBy: 'date -s, a day back',
      breaks: () => output('date', ['-u', '-s', far]),
      mends: () => output('date', ['-u', '-s', '+1 day']),
    },
  );
});

it('a plugin that is disabled is named, and all else is looked at', async () => {
  await docker('plugin', 'disable', '-f', 'vlandhcp:stable');
  const wrong = await findings();
  await docker('plugin', 'enable', 'vlandhcp:stable');
  expect(wrong.map(({ check, mend }) => [check, mend])).toEqual([
    ['plugin', 'docker plugin enable vlandhcp:stable'],
    ['socket', 'docker plugin enable vlandhcp:stable'],
  ]);
});

it('after all that the host is healthy again, and a network can be named', async () => {
  await until('nothing is wrong', async () => (await findings('', '--network fw500')).length === 0);
  expect(rows).toHaveLength(12);
});
