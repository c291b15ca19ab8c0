/**
 * `docker vlandhcp doctor` on broken set-ups: it names the cause of each, and has no complaint of a
 * healthy one. The table at the end has a row for each set-up, and all rows are asserted.
 */
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  attachment,
  docker,
  ip,
  lab,
  labWith,
  networkCommand,
  output,
  run,
  until,
} from '../support/lab/lab.ts';
import { Pieces } from '../support/lab/pieces.ts';
import { createFw500, runBox, site } from '../support/lab/site.ts';

interface Finding {
  readonly check: string;
  readonly subject: string;
  readonly level: 'ok' | 'warn' | 'fail';
  readonly text: string;
  readonly mend?: string;
}

const DOCTOR = join(import.meta.dirname, '../../cli/docker-vlandhcp');
/** What `unshare` shows the command in place of the kernel's modules, which no lab can take out. */
const EMPTY = '/run/lab/empty';
const LINK_FILE = '/etc/systemd/network/10-site.link';

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

interface SetUp {
  readonly name: string;
  readonly brokenBy: string;
  /** The line that `doctor` prints. */
  readonly says: RegExp;
  readonly breaks?: () => Promise<unknown>;
  readonly mends?: () => Promise<unknown>;
  /** What the command is called by, where only its own view of the host is broken. */
  readonly before?: string;
}

const table: string[] = [];

/**
 * Breaks several things that have nothing to do with each other, looks once, and mends them. What
 * is found wrong is the cause of each, and nothing else.
 */
async function named(...setUps: readonly SetUp[]): Promise<void> {
  const mends = new Pieces();
  let wrong: readonly Finding[] = [];
  try {
    for (const one of setUps) {
      await mends.put(
        () => one.breaks?.() ?? Promise.resolve(),
        () => one.mends?.() ?? Promise.resolve(),
      );
    }
    wrong = await findings(setUps.map(({ before }) => before ?? '').join(' '));
  } finally {
    await mends.takeDown();
  }
  const lines = wrong.map(({ level, text }) => `${level} ${text}`);
  for (const { name, brokenBy, says } of setUps) {
    const at = lines.findIndex((line) => says.test(line));
    table.push(
      `${name.padEnd(20)}${brokenBy}`,
      ...[lines[at] ?? 'NOT FOUND', `-> ${wrong[at]?.mend ?? 'nothing'}`].map((line) => `${' '.repeat(20)}${line}`), // prettier-ignore
    );
  }
  const expected = setUps.map(({ says }) => expect.stringMatching(says) as string);
  expect(lines).toHaveLength(setUps.length);
  expect(lines).toEqual(expect.arrayContaining(expected));
}

const socket = async () =>
  `/run/docker/plugins/${await docker('plugin', 'inspect', '-f', '{{.Id}}', 'vlandhcp:stable')}/admin.sock`;
const DNSMASQ = ['dnsmasq-no-ping', '500'] as const;
const HIDES_8021Q = [
  `grep -v register_vlan_dev /proc/kallsyms > ${EMPTY}/symbols`,
  `mount --bind ${EMPTY}/symbols /proc/kallsyms`,
  `[ ! -d /lib/modules ] || mount --bind ${EMPTY}/folder /lib/modules`,
  'mount -t tmpfs none /sys/module',
].join('; ');

beforeAll(async () => {
  await output('mkdir', ['-p', `${EMPTY}/folder`]);
  await createFw500();
  await runBox();
});
afterAll(async () => {
  rmSync(EMPTY, { recursive: true, force: true });
  await docker('rm', '-f', 'box');
  await docker('network', 'rm', 'fw500');
  process.stdout.write(`\n${table.join('\n')}\n`);
});

it('a healthy host has nothing wrong, and the page says so', async () => {
  const { stdout, stderr, status } = await run(DOCTOR, ['doctor']);
  expect([stderr, stdout]).toEqual(['', expect.stringMatching(/\n0 wrong, 0 to look at, 1\d ok\n$/)]); // prettier-ignore
  expect(status).toBe(0);
  expect(stdout).toContain('VLAN 500 of eth1: server 10.50.0.1 offers an address');
  expect(stdout).toContain('10.50.0.1 answers the MAC of eth1, and those of containers');
});

const dhcpIs =
  (env: Record<string, string>, ...pieces: readonly string[]) =>
  async () => {
    await lab('server-down');
    await labWith(env, 'server-up', ...pieces);
  };
const dhcpIsHealthy = dhcpIs({}, ...DNSMASQ);

it('wrong tag, pool exhausted', () =>
  named(
    {
      name: 'wrong tag',
      brokenBy: 'a network with vlan=501',
      says: /^fail VLAN 501 of eth1: no DHCP server answers, and on VLAN 502 one does/,
      breaks: async () => {
        await ip('-n', 'fw', 'link', 'add', 'link', 'trunk', 'name', 'trunk.502', 'type', 'vlan', 'id', '502'); // prettier-ignore
        await ip('-n', 'fw', 'address', 'add', '10.52.0.1/24', 'dev', 'trunk.502');
        await ip('-n', 'fw', 'link', 'set', 'trunk.502', 'up');
        await docker(...networkCommand('fw501', ['parent=eth1', 'vlan=501']));
      },
      mends: async () => {
        await docker('network', 'rm', 'fw501');
        await ip('-n', 'fw', 'link', 'del', 'trunk.502');
      },
    },
    {
      name: 'pool exhausted',
      brokenBy: 'the pool of VLAN 500 has one address, and box has it',
      says: /^warn VLAN 500 of eth1: server 10\.50\.0\.1 is there \(.*its pool is exhausted/,
      breaks: async () => {
        const last = String((await attachment('box', 'fw500')).address.split('.').at(-1));
        const other = ['--interface=trunk.502', '--dhcp-range=10.52.0.100,10.52.0.199'];
        await dhcpIs({ POOL: `${last}-${last}` }, ...DNSMASQ, '--', ...other)();
      },
      mends: dhcpIsHealthy,
    },
  ));

it('cable out', () =>
  named({
    name: 'cable out',
    brokenBy: 'the far end of eth1 goes down',
    says: /^fail eth1 has no carrier: the cable is out/,
    breaks: () => ip('-n', 'fw', 'link', 'set', 'trunk', 'down'),
    mends: () => ip('-n', 'fw', 'link', 'set', 'trunk', 'up'),
  }));

it('two servers', () =>
  named({
    name: 'two servers',
    brokenBy: 'a host with another DHCP server on the VLAN',
    says: /^warn VLAN 500 of eth1: 2 DHCP servers answer: 10\.50\.0\.1 .* and 10\.50\.0\.2/,
    breaks: () => lab('server-up', 'embedded', '500'),
    mends: dhcpIsHealthy,
  }));

it('no server, and what is wrong on the host', () =>
  named(
    {
      name: 'no server',
      brokenBy: "the firewall's VLAN link goes down",
      says: /^fail VLAN 500 of eth1: no DHCP server answers, and 10\.50\.0\.1, which leased here before, does not/,
      breaks: () => ip('-n', 'fw', 'link', 'set', 'trunk.500', 'down'),
      mends: () => ip('-n', 'fw', 'link', 'set', 'trunk.500', 'up'),
    },
    {
      name: 'FORWARD DROP',
      brokenBy: 'a rule of somebody else before those of Docker',
      says: /^fail iptables drops frames between the ports of br500: -A FORWARD -i br500 -j DROP/,
      breaks: () => output('iptables', ['-I', 'FORWARD', '-i', 'br500', '-j', 'DROP']),
      mends: () => output('iptables', ['-D', 'FORWARD', '-i', 'br500', '-j', 'DROP']),
    },
    {
      name: 'nftables',
      brokenBy: 'a table of somebody else for bridges',
      says: /^fail nftables drops IPv4 and ARP frames between the ports of br500: the rule with handle \d+ of chain passing in table bridge site/,
      breaks: () => output('nft', ['table bridge site { chain passing { type filter hook forward priority 0; meta ibrname "br500" drop; }; }']), // prettier-ignore
      mends: () => output('nft', ['delete table bridge site']),
    },
    {
      name: 'udev',
      brokenBy: 'a link file for the MAC of a card, which its VLAN link has, too',
      says: /^warn \/etc\/systemd\/network\/10-site\.link also matches eth1\.500/,
      breaks: async () => {
        const { address } = (JSON.parse(await ip('-j', 'link', 'show', 'eth1')) as [{ address: string }])[0]; // prettier-ignore
        mkdirSync('/etc/systemd/network', { recursive: true });
        writeFileSync(LINK_FILE, `[Match]\nMACAddress=${address}\n[Link]\nName=eth1\n`);
      },
      mends: () => Promise.resolve(rmSync(LINK_FILE)),
    },
    {
      name: 'admin socket',
      brokenBy: 'chmod 666',
      says: /^fail the mode of the admin socket is 666: users other than root/,
      breaks: async () => chmodSync(await socket(), 0o666),
      mends: async () => chmodSync(await socket(), 0o600),
    },
    {
      name: 'stale VLAN link',
      brokenBy: 'a link with the mark of the plugin, and no network',
      says: /^warn eth1\.700 is a VLAN link of the plugin \(VLAN 700 of eth1\) that no network uses/,
      breaks: async () => {
        await ip('link', 'add', 'link', 'eth1', 'name', 'eth1.700', 'type', 'vlan', 'id', '700');
        await ip('link', 'set', 'eth1.700', 'alias', 'vlandhcp vlan');
      },
      mends: () => ip('link', 'del', 'eth1.700'),
    },
    {
      name: 'private /run',
      brokenBy: 'a private mount at /run/docker',
      says: /^fail the mount \/run\/docker is private/,
      breaks: async () => {
        await output('mount', ['--bind', '/run/docker', '/run/docker']);
        await output('mount', ['--make-private', '/run/docker']);
      },
      mends: () => output('umount', ['/run/docker']),
    },
  ));

it("the operator's bridge, the kernel, the clock", async () => {
  const dayAgo = new Date(Date.now() - 86_400_000).toISOString();
  await named(
    {
      name: 'foreign bridge STP',
      brokenBy: 'a bridge of the operator, with STP',
      says: /^fail mybr runs STP/,
      breaks: async () => {
        await ip('link', 'add', 'mybr', 'type', 'bridge', 'stp_state', '1');
        await ip('link', 'set', 'mybr', 'up');
        await dhcpIs({}, 'dnsmasq-no-ping', '500', '600')();
        await docker(...networkCommand('fw600', ['parent=eth1', 'vlan=600', 'bridge=mybr']));
      },
      mends: async () => {
        await docker('network', 'rm', 'fw600');
        await ip('link', 'del', 'mybr');
      },
    },
    {
      name: 'no 8021q',
      brokenBy: 'only the command sees no trace of it (unshare): the lab cannot take it out',
      says: /^fail kernel \S+ has no 8021q, so no VLAN link can be made/,
      before: `unshare -m sh -c '${HIDES_8021Q}; exec "$@"' sh`,
    },
    {
      name: 'clock wrong',
      brokenBy: 'date -s, a day back',
      says: /^fail the clock of this host was set back by 24 h since leases were made/,
      breaks: () => output('date', ['-u', '-s', dayAgo]),
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

it('after all that nothing is wrong; a network can be named, and a wrong name is refused', async () => {
  await until('nothing is wrong', async () => (await findings('', '--network fw500')).length === 0);
  const { status, stderr } = await run(DOCTOR, ['doctor', '--network', 'fw5']);
  expect([status, stderr]).toEqual([1, 'vlandhcp: there is no network fw5; networks of the plugin: fw500\n']); // prettier-ignore
});
