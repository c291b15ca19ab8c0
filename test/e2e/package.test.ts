/**
 * The package's life on a host. It is pushed to a registry, installed by the usual docker commands,
 * set, stopped, upgraded and removed. Containers must not notice it. The tests are one story, told
 * in order.
 */
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  attachment,
  docker,
  dockerRefuses,
  firewallComesToReach,
  firewallReaches,
  lab,
  networkCommand,
  pingSteadily,
  removeAllContainersAndNetworks,
  run,
  until,
} from '../support/lab/lab.ts';
import { site } from '../support/lab/site.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FOLDER = process.env['VLANDHCP_PLUGIN_FOLDER'] ?? join(ROOT, 'build/plugin');
const NEXT_FOLDER = '/var/lib/vlandhcp/next-version';
const REPOSITORY = '127.0.0.1:5000/net/vlandhcp';
const SHORT_NAME_SOCKET = '/run/docker/plugins/vlandhcp.sock';

let version = '';
let reference = '';
let id = '';

/** Runs scripts/plugin like an operator. */
const operator = (...args: string[]) => run(join(ROOT, 'scripts/plugin'), args);

async function operatorDoes(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await operator(...args);
  if (status !== 0) throw new Error(`scripts/plugin ${args.join(' ')}: ${stderr}${stdout}`);
  return stdout;
}

const inspect = (format: string) => docker('plugin', 'inspect', '-f', format, 'vlandhcp:stable');
const dockerFolder = (...parts: string[]) => join('/var/lib/docker/plugins', id, ...parts);

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function createNetwork(name: string, driver: string, vlan: number): Promise<void> {
  await docker(...networkCommand(name, ['parent=eth1', `vlan=${vlan}`], driver));
}

async function stateFiles(): Promise<string[]> {
  const names = await readdir(dockerFolder('propagated-mount'), { recursive: true });
  return names.filter((name) => name.endsWith('.json')).sort();
}

/** Runs `change` while the firewall pings the container. @returns the number of lost answers. */
async function lossDuring(address: string, change: () => Promise<void>): Promise<number> {
  const ping = pingSteadily(address);
  try {
    await change();
  } finally {
    await until('the container answers', () => firewallReaches(address));
  }
  return (await ping.stop()).lost;
}

const { clear } = site({
  server: ['dnsmasq-no-ping', '500', '600'],
  plugin: 'none',
  also: ['registry'],
  clearsAfterEach: false,
});
beforeAll(async () => {
  const release = await readFile(join(FOLDER, 'rootfs/app/RELEASE'), 'utf8');
  version = /^vlandhcp (\S+ \S+)/.exec(release)?.[1]?.replace(' ', '-') ?? '';
});
afterAll(async () => {
  await removeAllContainersAndNetworks();
  await run('docker', ['plugin', 'rm', '-f', 'vlandhcp:stable']);
  await rm(NEXT_FOLDER, { recursive: true, force: true });
  await rm(`${NEXT_FOLDER}.store`, { recursive: true, force: true });
});

describe('scripts/build-rootfs', () => {
  it('refuses to replace the checkout, a folder around it, or one that is no plugin folder', async () => {
    // Works on a copy, so that a mistake does no harm.
    const around = await mkdtemp(join(tmpdir(), 'vlandhcp-'));
    const checkout = join(around, 'checkout');
    await mkdir(join(checkout, 'rootfs'), { recursive: true });
    for (const name of ['scripts', 'config.json', 'package.json']) {
      await cp(join(ROOT, name), join(checkout, name), { recursive: true });
    }
    for (const folder of [checkout, around, join(checkout, 'scripts')]) {
      const { status, stderr } = await run(join(checkout, 'scripts/build-rootfs'), [folder]);
      expect(status).toBe(1);
      expect(stderr).toMatch(/this checkout|is not a plugin folder/);
    }
    expect(await exists(join(checkout, 'config.json'))).toBe(true);
    await rm(around, { recursive: true });
  });
});

describe('the managed plugin', () => {
  it('is created from a folder, without a registry', async () => {
    // Copies only the plugin's own part of the folder. Docker would compress the rest for half a
    // minute.
    const folder = '/var/lib/vlandhcp/folder';
    await cp(join(FOLDER, 'config.json'), join(folder, 'config.json'));
    await cp(join(FOLDER, 'rootfs/app'), join(folder, 'rootfs/app'), { recursive: true });
    expect(await operatorDoes('create', 'vlandhcp:probe', '--dir', folder)).toContain('created');
    const settable = await docker(
      'plugin',
      'inspect',
      '-f',
      '{{json .Config.Env}}',
      'vlandhcp:probe',
    );
    expect(settable).toContain('LOG_LEVEL');
    expect(settable).toContain('STATE_DIR');
    await docker('plugin', 'rm', 'vlandhcp:probe');
    await rm(folder, { recursive: true });
  });

  it('is pushed under a tag that names version and architecture', async () => {
    expect(version).toMatch(/^\d+\.\d+\.\d+-(amd64|arm64)$/);
    reference = `${REPOSITORY}:${version}`;
    expect(await operatorDoes('push', '--dir', FOLDER, REPOSITORY)).toContain(reference);
    const tags = await fetch('http://127.0.0.1:5000/v2/net/vlandhcp/tags/list');
    expect(await tags.json()).toMatchObject({ tags: [version] });
    expect(await docker('plugin', 'ls', '-q')).toBe('');
  });

  it('is not pushed under the name of a plugin that runs here', async () => {
    await docker('plugin', 'install', '--grant-all-permissions', reference);
    const answer = await operator('push', '--dir', FOLDER, REPOSITORY);
    expect(answer.status).toBe(1);
    expect(answer.stderr).toContain('installed and enabled');
    expect(await docker('plugin', 'inspect', '-f', '{{.Enabled}}', reference)).toBe('true');
    await operatorDoes('remove', '--name', reference);
  });

  it('says what to do when the reference is wrong, and leaves nothing', async () => {
    const answer = await operator('install', '--yes', `${REPOSITORY}:0.0.0-none`);
    expect(answer.status).toBe(1);
    expect(answer.stderr).toContain('check the reference');
    expect(await docker('plugin', 'ls', '-q')).toBe('');
  });

  it('is installed by docker plugin install and serves both of its names', async () => {
    const alias = ['--alias', 'vlandhcp:stable'];
    await docker('plugin', 'install', '--grant-all-permissions', ...alias, reference);
    id = await inspect('{{.Id}}');
    expect(await inspect('{{.Enabled}}')).toBe('true');
    await createNetwork('short', 'vlandhcp', 500);
    await createNetwork('long', 'vlandhcp:stable', 600);
    for (const name of ['short', 'long']) {
      await docker('run', '-d', '--name', `on-${name}`, '--net', name, 'bb');
      const { address } = await attachment(`on-${name}`, name);
      expect(address).toMatch(name === 'short' ? /^10\.50\.0\.1\d\d$/ : /^10\.60\.0\.1\d\d$/);
      await firewallComesToReach(address);
    }
  });

  it('asks for the privileges its documentation names, and no others', async () => {
    const wanted = JSON.parse(await inspect('{{json .Config}}')) as {
      Linux: { Capabilities: string[]; AllowAllDevices: boolean; Devices: unknown };
      Network: { Type: string };
      Mounts: { Source: string }[];
      PidHost: boolean;
      IpcHost: boolean;
    };
    expect(wanted.Linux.Capabilities.toSorted()).toEqual([
      'CAP_NET_ADMIN',
      'CAP_NET_RAW',
      'CAP_SYS_ADMIN',
    ]);
    expect(wanted.Linux.AllowAllDevices).toBe(false);
    expect(wanted.Linux.Devices ?? []).toEqual([]);
    expect(wanted.Mounts.map(({ Source }) => Source)).toEqual(['/var/run/docker', '/dev/null']);
    expect([wanted.Network.Type, wanted.PidHost, wanted.IpcHost]).toEqual(['host', false, false]);
  });

  it('keeps networks, leases and traffic over disable, set and enable', async () => {
    expect(await dockerRefuses('plugin', 'disable', 'vlandhcp:stable')).toContain('in use');
    const before = await stateFiles();
    expect(before).not.toEqual([]);
    const { address } = await attachment('on-short', 'short');
    const lost = await lossDuring(address, async () => {
      await docker('plugin', 'disable', '-f', 'vlandhcp:stable');
      expect(await exists(SHORT_NAME_SOCKET)).toBe(false);
      await docker('plugin', 'set', 'vlandhcp:stable', 'LOG_LEVEL=debug');
      await docker('plugin', 'enable', 'vlandhcp:stable');
    });
    expect(lost).toBe(0);
    expect(await inspect('{{.Settings.Env}}')).toBe('[LOG_LEVEL=debug]');
    expect(await stateFiles()).toEqual(before);
    expect(await lab('plugin-log')).toContain('"logLevel":"debug"');
    await docker('restart', '-t', '1', 'on-short');
    await firewallComesToReach((await attachment('on-short', 'short')).address);
  });

  it('shows a user of the group that may ask dockerd its status, and says what only root sees', async () => {
    const { gid } = await stat('/run/docker.sock');
    const asUser = ['--reuid=65534', '--regid=65534', `--groups=${String(gid)}`];
    const script = [join(ROOT, 'scripts/plugin'), 'status'];
    const { status, stdout } = await run('setpriv', [...asUser, ...script]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^enabled {2}true$/m);
    expect(stdout).toMatch(/^networks long short$/m);
    expect(stdout).toMatch(/^leases {3}not known, nobody may not .*; root may$/m);
    const { address } = await attachment('on-short', 'short');
    expect(await operatorDoes('status')).toContain(address);
  });

  it('refuses an unknown setting, or a bad value, without changing anything', async () => {
    const unknown = await operator('set', 'COLOUR=red');
    expect(unknown.status).toBe(1);
    expect(unknown.stderr).toMatch(
      /known are LOG_LEVEL .*IPAM_REQUIRE_MAC docker-run.source docker-api.source;/,
    );
    const bad = await operator('set', 'LOG_LEVEL=loud');
    expect(bad.status).toBe(1);
    expect(bad.stderr).toContain('LOG_LEVEL=loud is not one of');
    expect(await inspect('{{.Enabled}} {{.Settings.Env}}')).toBe('true [LOG_LEVEL=debug]');
  });

  it('is enabled again when the operator interrupts a change', async () => {
    // This docker sends the script a TERM in the middle of `docker plugin set`.
    const folder = await mkdtemp(join(tmpdir(), 'vlandhcp-'));
    const path = process.env['PATH'] ?? '';
    const real = (await run('which', ['docker'])).stdout.trim();
    await writeFile(
      join(folder, 'docker'),
      `#!/bin/sh\n[ "$2" != set ] || kill -TERM $PPID\nexec ${real} "$@"\n`,
      { mode: 0o755 },
    );
    const answer = await run(join(ROOT, 'scripts/plugin'), ['set', 'LOG_LEVEL=debug'], {
      PATH: `${folder}:${path}`,
    });
    expect(answer.status).toBe(143);
    expect(answer.stderr).toContain('was enabled before and is so again');
    expect(await inspect('{{.Id}} {{.Enabled}}')).toBe(`${id} true`);
    await rm(folder, { recursive: true });
  });

  it('asks for the privileges before an upgrade changes anything', async () => {
    const upgrade = `${join(ROOT, 'scripts/plugin')} upgrade ${reference}`;
    const answer = await run('bash', ['-c', `echo n | ${upgrade}`]);
    expect(answer.status).toBe(1);
    expect(answer.stdout).toContain('capabilities: [CAP_NET_ADMIN CAP_SYS_ADMIN CAP_NET_RAW]');
    expect(answer.stderr).toContain('nothing changed');
    expect(await inspect('{{.Id}} {{.Enabled}}')).toBe(`${id} true`);
  });

  it('is upgraded with the same ID, settings, state and networks, and no lost packet', async () => {
    await cp(FOLDER, NEXT_FOLDER, { recursive: true, verbatimSymlinks: true });
    const architecture = version.split('-')[1] ?? '';
    await writeFile(
      join(NEXT_FOLDER, 'rootfs/app/RELEASE'),
      `vlandhcp 99.0.0 ${architecture}\nnext\n`,
    );
    const before = await stateFiles();
    const { address } = await attachment('on-long', 'long');
    const lost = await lossDuring(address, async () => {
      const said = await operatorDoes('upgrade', '--yes', '--dir', NEXT_FOLDER);
      expect(said).toContain('running containers keep their traffic');
    });
    expect(lost).toBe(0);
    expect(await readFile(dockerFolder('rootfs/app/RELEASE'), 'utf8')).toContain('99.0.0');
    expect(await inspect('{{.Id}} {{.Enabled}} {{.Settings.Env}}')).toBe(
      `${id} true [LOG_LEVEL=debug]`,
    );
    expect((await docker('plugin', 'ls', '-q')).split('\n')).toHaveLength(1);
    expect(await stateFiles()).toEqual(before);
    for (const name of ['short', 'long']) {
      await docker('run', '-d', '--name', `after-${name}`, '--net', name, 'bb');
      await firewallComesToReach((await attachment(`after-${name}`, name)).address);
    }
  });

  it('stays as it is when an upgrade cannot be fetched', async () => {
    const answer = await operator('upgrade', '--yes', `${REPOSITORY}:0.0.0-none`);
    expect(answer.status).toBe(1);
    expect(answer.stderr).toContain('nothing changed');
    expect(await inspect('{{.Id}} {{.Enabled}}')).toBe(`${id} true`);
  });

  it('comes back after a restart of the engine and starts containers again', async () => {
    await docker('update', '--restart=always', 'on-short', 'on-long');
    await lab('engine-down');
    await lab('engine-up');
    for (const name of ['short', 'long']) {
      await until(
        `on-${name} runs`,
        async () => (await docker('inspect', '-f', '{{.State.Running}}', `on-${name}`)) === 'true',
      );
      await firewallComesToReach((await attachment(`on-${name}`, name)).address);
    }
  });

  it('is not removed while a network needs it, and then leaves nothing behind', async () => {
    // Docker's own driver, with addresses from the plugin.
    const opts = ['--ipam-opt', 'parent=eth1', '--ipam-opt', 'vlan=700'];
    const macvlan = ['-d', 'macvlan', '-o', 'parent=eth1.700', '--ipam-driver', 'vlandhcp'];
    await docker('network', 'create', ...macvlan, ...opts, '--subnet', '10.70.0.0/24', 'mac');
    const answer = await operator('remove');
    expect(answer.status).toBe(1);
    expect(answer.stderr).toMatch(/docker network rm long mac short/);
    await clear();
    await operatorDoes('remove');
    expect(await exists(SHORT_NAME_SOCKET)).toBe(false);
    expect(await exists(`/run/docker/plugins/${id}`)).toBe(false);
    expect(await exists(dockerFolder())).toBe(false);
  });
});
