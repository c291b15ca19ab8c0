/**
 * Types the commands of the pages as they are printed, in the order of the page. The table in
 * test/README.md tells which test runs the commands of which page.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  attachment,
  docker,
  firewallComesToReach,
  firewallReaches,
  ip,
  lab,
  run,
  until,
} from '../support/lab/lab.ts';
import { commandsOf } from '../support/pages/page-commands.ts';
import { PAGES, table } from '../support/pages/readme.ts';
import { createFw500, site } from '../support/lab/site.ts';

/** The folder is there: scripts/lab/prepare makes the same as `docker build` of the README. */
const README = commandsOf('README.md').filter((command) => !command.includes('docker build'));
const installs = (command: string) => command.startsWith('docker plugin ');

site({ server: ['dnsmasq-no-ping', '500'], plugin: 'none' });

/** What a shell prints for the command. Throws if the command fails. */
async function type(command: string): Promise<string> {
  const { status, stdout, stderr } = await run('bash', ['-o', 'pipefail', '-ec', command]);
  if (status !== 0)
    throw new Error(`$ ${command}\nended with ${String(status)}: ${stderr}${stdout}`);
  return stdout.trim();
}

beforeAll(async () => {
  await lab('image-load', 'asterisk');
  expect(README.filter(installs)).toHaveLength(2);
  for (const command of README.filter(installs)) await type(command);
}, 600_000);
afterAll(async () => {
  await run('docker', ['plugin', 'disable', '-f', 'vlandhcp:stable']);
  await docker('plugin', 'rm', 'vlandhcp:stable');
});

it('README, typed from top to bottom', async () => {
  const printed = new Map<string, string>();
  for (const command of new Set(README.filter((line) => !installs(line)))) {
    // The page has the same container again, with another identity.
    const [, name] = /--name (\S+)/.exec(command) ?? [];
    if (name !== undefined) await run('docker', ['rm', '-f', name]);
    printed.set(command, await type(command));
  }
  const said = (part: string) =>
    [...printed].find(([command]) => command.includes(part))?.[1] ?? `nothing has ${part}`;
  expect(said('docker inspect')).toMatch(
    /^10\.50\.0\.1\d\d\/24 via 10\.50\.0\.1 02(:[0-9a-f]{2}){5}$/,
  );
  for (const line of said('ip route').split('\n')) {
    expect(PAGES.get('README.md')).toContain(line.trim().replace(/src \S+/, 'src 10.50.0.160'));
  }
  for (const command of README) {
    const [, name = '', id, mac = '02:74:52:1f:fe:e0'] =
      /--name (\S+).*(?:(id=)asterisk|--mac-address (\S+)) /.exec(command) ?? [];
    if (name === '') continue;
    expect([command, (await attachment(name, 'fw500')).mac]).toEqual([command, mac]);
    await firewallComesToReach((await attachment(name, 'fw500')).address);
    expect(id === undefined || PAGES.get('README.md')?.includes(mac)).toBe(true);
  }
});

it('docs/install.md: docker plugin ls prints what the page shows', async () => {
  const [head = '', row = ''] = (await type('docker plugin ls')).split('\n');
  const page = PAGES.get('docs/install.md');
  expect(page).toContain(`\n${head.trim()}\n`);
  expect(page).toContain(row.slice(12).trim());
});

it('docs/pipework.md: a container of --net=none moves, with the MAC that pipework gave it', async () => {
  await createFw500();
  await docker('run', '-d', '--net=none', '--name', 'asterisk', 'asterisk:latest');
  for (const command of commandsOf('docs/pipework.md')) await type(command);
  const { mac, address } = await attachment('asterisk', 'fw500');
  expect(mac).toBe('02:74:52:1f:fe:e0');
  await firewallComesToReach(address);
});

it('docs/addressing-modes.md: a bridge made by these commands is the one of the row', async () => {
  const row = table('Which addressing mode when').find(([title]) => title?.includes('bridge'));
  const [, words = ''] = row ?? [];
  try {
    for (const command of commandsOf('docs/addressing-modes.md')) await type(command);
    await type(`docker network create ${words.replaceAll('`', '')} net`);
    await docker('run', '-d', '--name', 'box', '--net=net', 'asterisk:latest');
    await firewallComesToReach((await attachment('box', 'net')).address);
  } finally {
    await run('docker', ['rm', '-f', 'box']);
    await run('docker', ['network', 'rm', 'net']);
    for (const link of ['br500', 'eth1.500']) await run('ip', ['link', 'del', link]);
  }
});

it('docs/operations.md: status, and the answer of the socket, have the lease as it is now', async () => {
  await createFw500();
  await docker('run', '-d', '--name', 'box', '--net=fw500', 'asterisk:latest');
  const { mac, address } = await attachment('box', 'fw500');
  const page = PAGES.get('docs/operations.md') ?? '';
  const asks = commandsOf('docs/operations.md').filter((line) => /status$/i.test(line));
  expect(asks).toHaveLength(2);
  for (const command of asks) {
    const printed = await type(command);
    expect(printed).toContain(mac);
    expect(printed).toContain(`${address}/24`);
    if (!command.startsWith('scripts/')) continue;
    // The sample of the page has the same words in the same places.
    const words = printed.split('\n').map((line) => /^\S*/.exec(line)?.[0] ?? '');
    const sample = /^\$ scripts\/plugin status\n([^]*?)\n```$/m.exec(page)?.[1] ?? '';
    const variable = /^[0-9a-f]{12}$/;
    const shape = (all: string[]) => all.map((word) => word.replace(variable, 'ID'));
    expect(shape(words)).toEqual(
      shape(sample.split('\n').map((line) => /^\S*/.exec(line)?.[0] ?? '')),
    );
  }
});

it('docs/on-your-host.md: what a stopped plugin has left is removed', async () => {
  await createFw500();
  await docker('run', '-d', '--name', 'box', '--net=fw500', 'asterisk:latest');
  const { address } = await attachment('box', 'fw500');
  await firewallComesToReach(address);
  await docker('rm', '-f', 'box');
  await docker('plugin', 'disable', '-f', 'vlandhcp:stable');
  const left = async () => [
    (await ip('-d', '-o', 'link')).split('\n').filter((line) => line.includes('alias vlandhcp')),
    ...(await Promise.all(
      ['iptables', 'ip6tables'].map(async (program) =>
        (await run(program, ['-S'])).stdout.split('\n').filter((rule) => rule.includes('vlandhcp')),
      ),
    )),
  ];
  try {
    expect((await left()).map((lines) => lines.length > 0)).toEqual([true, true, true]);
    for (const command of commandsOf('docs/on-your-host.md')) {
      expect([command, await type(command)]).toEqual([command, '']);
    }
    expect(await left()).toEqual([[], [], []]);
    expect(await firewallReaches(address)).toBe(false);
  } finally {
    await docker('plugin', 'enable', 'vlandhcp:stable');
    await until('the plugin answers', async () =>
      docker('network', 'ls', '-q').then(
        () => true,
        () => false,
      ),
    );
  }
});
