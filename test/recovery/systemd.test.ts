/**
 * Tests scripts/vlandhcp.service under a real systemd. The unit refuses to start without what it
 * needs. Its limits leave the plugin what it needs inside a real container.
 */
import { appendFile, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { afterEach, expect, it } from 'vitest';
import { attachment, docker, firewallComesToReach, lab, run, until } from '../support/lab/lab.ts';
import { createFw500, runBox, site } from '../support/lab/site.ts';

/** The folder in which scripts/lab/inside/systemd.sh keeps units and the app. */
const FOLDER = '/run/lab/systemd';
const APP = `${FOLDER}/lib/vlandhcp/vlandhcp.cjs`;
const DROP_INS = `${FOLDER}/units/vlandhcp.service.d`;

const place = site({ plugin: 'none', also: ['systemd'] });
afterEach(async () => {
  await place.clear(); // only a running plugin removes its links
  await systemctl('stop', 'vlandhcp');
  await rm(DROP_INS, { recursive: true, force: true });
  await systemctl('daemon-reload');
  if ((await property('ActiveState')) === 'failed') await systemctl('reset-failed', 'vlandhcp');
});

const beside = (...command: string[]) => lab('systemd', ...command);
const systemctl = (...words: string[]) => beside('systemctl', ...words);
/** The log under the unit's own name. */
const journal = () => beside('journalctl', '--output=cat', '--identifier=vlandhcp');
const property = (name: string) => systemctl('show', '--value', `--property=${name}`, 'vlandhcp');

/** Does what `systemctl edit vlandhcp` does. */
async function edit(text: string): Promise<void> {
  await mkdir(DROP_INS, { recursive: true });
  await appendFile(`${DROP_INS}/override.conf`, text);
  await systemctl('daemon-reload');
}

/** The service fails, says why, and is not started again. */
async function refusesToStart(why: string): Promise<void> {
  const { status } = await run('scripts/lab/in-lab', ['systemd', 'systemctl', 'start', 'vlandhcp']);
  expect(status).not.toBe(0);
  await until('the service has failed', async () => (await property('ActiveState')) === 'failed');
  expect(await property('NRestarts')).toBe('0');
  expect((await journal()).split('\n').filter((line) => line === why)).toEqual([why]);
}

it('refuses to start without its app, and is not started again', async () => {
  await rename(APP, `${APP}.away`);
  try {
    await refusesToStart(
      '/usr/local/lib/vlandhcp/vlandhcp.cjs is missing; make it in a checkout: npm ci && scripts/build-rootfs --app-only /usr/local/lib/vlandhcp',
    );
  } finally {
    await rename(`${APP}.away`, APP);
  }
});

it('refuses to start with an old Node, and is not started again', async () => {
  const folder = '/run/lab/old-node';
  await mkdir(folder, { recursive: true });
  const text = `#!/bin/sh\n[ "$1" = -p ] && echo 18.19.0 || exec ${process.execPath} "$@"\n`;
  await writeFile(`${folder}/node`, text, { mode: 0o755 });
  await edit(`[Service]\nEnvironment=PATH=${folder}:/usr/bin:/bin\n`);
  await refusesToStart('Node 18.19.0 is too old; install Node 20.19 or newer');
});

/** A server whose clients renew after 5 s, and again 12 s later if nobody has answered. */
const serve = (...options: string[]) => {
  const times = ['--dhcp-option-force=58,5', '--dhcp-option-force=59,30'];
  return lab('server-up', 'dnsmasq-no-ping', '500', '--', ...times, ...options);
};

it('leases for a container, applies what a renewal changes inside it, and goes on after a kill', async () => {
  await serve();
  await systemctl('start', 'vlandhcp');
  await createFw500();
  await runBox();
  const { address } = await attachment('box', 'fw500');
  expect(address).toMatch(/^10\.50\.0\.1\d\d$/);
  await firewallComesToReach(address);

  const before = await property('MainPID');
  await systemctl('kill', '--signal=KILL', '--kill-whom=main', 'vlandhcp');
  const isBack = async () =>
    (await property('ActiveState')) === 'active' && (await property('MainPID')) !== before;
  await until('systemd has started it again', isBack);
  expect(await property('NRestarts')).toBe('1');

  await lab('server-down');
  await serve('--dhcp-option-force=3,10.50.0.2', '--dhcp-option-force=26,1400');
  const inBox = (...command: string[]) => docker('exec', 'box', ...command);
  await until('the router has changed in the container', async () =>
    (await inBox('ip', '-4', 'route')).includes('default via 10.50.0.2'),
  );
  expect(await inBox('cat', '/sys/class/net/eth0/mtu')).toBe('1400');
  await firewallComesToReach(address);
  const said = (await journal()).split('\n');
  expect(said.filter((line) => line.startsWith('{"level":"info"'))).not.toEqual([]);
  expect(said.filter((line) => line.startsWith('{"level":"error"'))).toEqual([]);
});

/** What no part of the plugin does, as shell commands. They must fail under the unit's limits. */
const FORBIDDEN = {
  'open a device': 'exec 3<>/dev/net/tun',
  'make a device': 'mknod /run/lab/null c 1 3',
  mount: 'mount -t tmpfs tmpfs /tmp',
  'give a file away': 'chown 1:1 /run/lab/given',
  'make a mount namespace': 'unshare --mount true',
  'write outside /run and the state': 'echo >/usr/local/lib/vlandhcp/new',
} as const;

it('lets nothing in the service do what the plugin never does', async () => {
  await writeFile('/run/lab/given', '');
  const tried = Object.entries(FORBIDDEN);
  // Each of them works outside. Else its failure inside would prove nothing.
  for (const [what, command] of tried) {
    const outside = command.replace('/usr/local/lib/vlandhcp', `${FOLDER}/lib/vlandhcp`);
    const { status, stderr } = await run('unshare', ['--mount', 'bash', '-c', outside]);
    expect([what, status, stderr]).toEqual([what, 0, '']);
  }
  await rm('/run/lab/null');
  const script = tried.map(
    ([what, command]) =>
      `(${command}) 2>/dev/null && echo "could ${what}" || echo "refused: ${what}"`,
  );
  await writeFile('/run/lab/forbidden', `${script.join('\n')}\n`);
  await edit('[Service]\nExecStartPost=/bin/bash /run/lab/forbidden\n');
  await systemctl('start', 'vlandhcp');
  const said = (await journal()).split('\n').filter((line) => /^(could|refused: )/.test(line));
  expect(said).toEqual(tried.map(([what]) => `refused: ${what}`));
});
