/**
 * The units of hub and member under a real systemd, installed by the commands of docs/uplink.md.
 * Engine and plugin are units there, too. This machine is the member. The unit of the hub has one
 * line more than the installed one: its network namespace, in which the trunk is.
 */
import { appendFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { afterAll, afterEach, expect, it } from 'vitest';
import { proves, secondsSince } from '../support/uplink/acceptance.ts';
import {
  attachment,
  docker,
  dockerRefuses,
  ip,
  lab,
  leases,
  networkCommand,
  onFirewall,
  pingSteadily,
  removeAllContainersAndNetworks,
  run,
  until,
} from '../support/lab/lab.ts';
import { commandsOf } from '../support/pages/page-commands.ts';
import { root } from '../support/pages/readme.ts';
import { site } from '../support/lab/site.ts';

site({
  server: ['dnsmasq-no-ping', '500', '600'],
  ...{ engine: false, plugin: 'none', also: ['internet', 'systemd'], clearsAfterEach: false },
});

/** The folder in which scripts/lab/inside/systemd.sh keeps units and the app. */
const FOLDER = '/run/lab/systemd';
const HUB = 'vlandhcp-hub';
const UPLINK = 'vlandhcp-uplink';
const IN_HUB = 'nsenter --net=/run/netns/hub';

/** What a shell of that host prints. @throws Error with its output, if it fails. */
const type = (command: string) => lab('systemd', 'bash', '-ec', `cd ${root}\n${command}`);
const systemctl = (...words: string[]) => lab('systemd', 'systemctl', ...words);
const property = (unit: string, name: string) =>
  systemctl('show', '--value', `--property=${name}`, unit);
const journal = (unit: string) =>
  lab('systemd', 'journalctl', '--output=cat', `--identifier=${unit}`);
const linkLines = (...where: string[]) => ip(...where, '-o', 'link', 'show');
const stateOf = (unit: string) => property(unit, 'ActiveState');

/** Does what `systemctl edit` does. An empty text takes it back. */
async function edit(unit: string, name: string, text: string): Promise<void> {
  const folder = `${FOLDER}/units/${unit}.service.d`;
  await mkdir(folder, { recursive: true });
  if (text === '') await rm(`${folder}/${name}.conf`);
  else await writeFile(`${folder}/${name}.conf`, `[Service]\n${text}\n`);
  await systemctl('daemon-reload');
}

/** The power of this machine fails, and that of the hub. */
async function powerCut(): Promise<void> {
  await lab('systemd-kill');
  await lab('uplink-forget');
  await lab('hub-forget');
  for (const link of ['br500', 'br600']) await run('ip', ['link', 'delete', link]);
}

/** Starts what is enabled. Returns when Docker answers. */
async function boot(): Promise<void> {
  await lab('systemd-up');
  await systemctl('start', 'multi-user.target');
  await until('Docker is ready', async () => (await stateOf('docker')) === 'active');
}

afterEach(async ({ task }) => {
  if (task.result?.state !== 'fail') return;
  for (const unit of [HUB, UPLINK, 'vlandhcp', 'dockerd', 'systemd']) {
    const said = await journal(unit).catch(String);
    process.stderr.write(`--- ${unit}\n${said.slice(-3_000)}\n`);
  }
});
afterAll(async () => {
  if ((await run('docker', ['ps'])).status === 0) await removeAllContainersAndNetworks();
});

it('the commands of docs/uplink.md install both units, and each is ready when its command returns', async () => {
  await appendFile(`${FOLDER}/hosts`, '203.0.113.10 hub.example.net\n');
  await edit(HUB, 'lab', 'NetworkNamespacePath=/run/netns/hub');
  // The lab has built the app already, and the engine is started later.
  const isOthers = /^(npm ci|scripts\/build-rootfs|docker) /;
  const commands = commandsOf('docs/uplink.md').filter((command) => !isOthers.test(`${command} `));
  let token = '';
  for (const command of commands) {
    if (command.startsWith('vlandhcp hub init')) {
      await type(`${IN_HUB} ${command}`);
    } else if (command === 'vlandhcp uplink join') {
      expect(await type(`${command} <<<'${token}'`)).toMatch(
        /^joined "hq" as \S+ over UDP in \S+ s; uplink0 carries VLANs 500,600 \(1500 bytes\)\n/,
      );
    } else {
      const said = await type(command);
      token = /^vuj1\.\S+$/m.exec(said)?.[0] ?? token;
    }
  }
  expect(commands).toHaveLength(8);
  for (const unit of [HUB, UPLINK]) {
    const shown = ['ActiveState', 'UnitFileState', 'NRestarts'].map((name) => property(unit, name));
    expect([unit, ...(await Promise.all(shown))]).toEqual([unit, 'active', 'enabled', '0']);
  }
});

it('each has the capabilities that it needs, and no other', async () => {
  const held = async (unit: string) => {
    const pid = await property(unit, 'MainPID');
    return /^CapEff:\s*0*(\w+)$/m.exec(await type(`cat /proc/${pid}/status`))?.[1];
  };
  const [BIND, ADMIN, RAW] = [1 << 10, 1 << 12, 1 << 13] as const;
  expect(await held(HUB)).toBe((BIND | ADMIN | RAW).toString(16));
  expect(await held(UPLINK)).toBe((ADMIN | RAW).toString(16));
  const listens = () => type(`${IN_HUB} ss -Hltn sport = :443`);
  await type('vlandhcp hub tls 443');
  await edit(HUB, 'control', 'CapabilityBoundingSet=~CAP_NET_BIND_SERVICE');
  await systemctl('restart', HUB);
  expect(await listens()).toBe(''); // the control
  expect(await journal(HUB)).toContain('cannot listen for TLS');
  await edit(HUB, 'control', '');
  await systemctl('restart', HUB);
  expect(await listens()).toContain(':443');
  expect(await journal(UPLINK)).not.toMatch(/"level":"(error|fatal)"/);
});

it('a container leases over the uplink, with engine and plugin as units of the same host', async () => {
  await systemctl('enable', '--now', 'vlandhcp', 'docker');
  await lab('image-load', 'bb');
  const [make = ''] = commandsOf('docs/uplink.md').filter((line) => line.startsWith('docker '));
  await type(make);
  // By this name its lease comes back to it after a boot.
  const named = 'name=fw500,driver-opt=id=box';
  await docker('run', '-d', '--restart=always', '--name', 'box', '--network', named, 'bb');
  const { address, mac } = await attachment('box', 'fw500');
  expect(await leases()).toContain(` ${mac} ${address} `);
  await until('the firewall reaches it', async () => reaches(address));
});

const reaches = async (address: string) =>
  (await onFirewall('ping', '-c', '1', '-W', '2', address)).status === 0;

it('kill -9 of both: systemd starts them again, no link changes, and no ping is lost', async () => {
  const box = await attachment('box', 'fw500');
  const seen = async () => [await linkLines(), await linkLines('-n', 'hub')];
  const before = await seen();
  const pings = pingSteadily(box.address);
  await until('a ping is answered', () => pings.replies() > 0);
  for (const unit of [HUB, UPLINK]) {
    const pid = await property(unit, 'MainPID');
    await systemctl('kill', '--signal=KILL', '--kill-whom=main', unit);
    await until(`${unit} is back`, async () => {
      const isBack = (await stateOf(unit)) === 'active';
      return isBack && (await property(unit, 'MainPID')) !== pid;
    });
    expect(await property(unit, 'NRestarts')).toBe('1');
  }
  const { sent, lost } = await pings.stop();
  expect(lost).toBe(0);
  expect(await seen()).toEqual(before);
  expect(await attachment('box', 'fw500')).toEqual(box);
  proves('shows-kill-9', 'lease, address, MAC and links as before', `0 of ${sent} pings lost`);
});

it('systemctl stop leaves the links of both, and frames go on', async () => {
  const { address } = await attachment('box', 'fw500');
  const before = [await linkLines(), await linkLines('-n', 'hub')];
  await systemctl('stop', HUB, UPLINK);
  expect([await stateOf(HUB), await stateOf(UPLINK)]).toEqual(['inactive', 'inactive']);
  expect([await linkLines(), await linkLines('-n', 'hub')]).toEqual(before);
  expect(await reaches(address)).toBe(true);
  await systemctl('start', HUB, UPLINK);
  expect([await linkLines(), await linkLines('-n', 'hub')]).toEqual(before);
});

it('the uplink sees the socket of Docker with the file of docs/manage-over-uplink.md, and only then', async () => {
  const inService = async () => {
    const pid = await property(UPLINK, 'MainPID');
    const words = `curl -s --unix-socket /run/docker.sock http://docker/_ping`;
    return type(`nsenter --target ${pid} --mount ${words} || echo refused`);
  };
  await systemctl('restart', UPLINK); // Docker's socket is there now
  expect(await inService()).toBe('refused');
  const [install = '', ...more] = commandsOf('docs/manage-over-uplink.md').filter((command) =>
    /^(install|systemctl) /.test(command),
  );
  expect([install.startsWith('install -D '), more.length]).toEqual([true, 2]);
  for (const command of [install, ...more]) await type(command);
  expect(await inService()).toBe('OK');
  await type('vlandhcp uplink manage on');
  await until('Docker is managed', async () =>
    (await type('vlandhcp uplink status')).includes('   managed   '),
  );
  await type('vlandhcp uplink manage off');
  await edit(UPLINK, 'manage', '');
  await systemctl('restart', UPLINK);
  expect(await inService()).toBe('refused');
});

it('a boot with the hub off: Docker starts after uplink0 is there, containers say why they have no lease, and have it soon after the hub is back', async () => {
  const box = await attachment('box', 'fw500');
  const late = ['parent=uplink0', 'vlan=600', 'on_no_server=late', 'lease_timeout=2s'];
  await docker(...networkCommand('fw600', late));
  await docker('run', '-d', '--restart=always', '--name', 'late', '--net=fw600', 'bb');
  await docker('run', '-d', '--restart=always', '--name', 'plain', '--net=fw500', 'bb');
  await systemctl('disable', HUB);
  // Docker's unit fails, if it is started before the link is there.
  await edit('docker', 'lab', 'ExecStartPre=/sbin/ip link show uplink0');
  await powerCut();
  expect((await run('ip', ['link', 'show', 'uplink0'])).status).not.toBe(0);
  const from = performance.now();
  await boot();
  const bootTook = secondsSince(from);
  expect(await property('docker', 'NRestarts')).toBe('0');
  await until('box runs with its address', async () => (await addressIn('box')) === box.address);
  proves('shows-boot-docker', 'Docker and box run, the hub is off', bootTook);
  // Nothing is held for the others: their MACs are new.
  const why = /the uplink to hq has been down since [-\d: ]+ UTC; vlandhcp uplink status says why/;
  const error = () => docker('inspect', '-f', '{{.State.Error}}', 'plain');
  await until('plain has an error', async () => (await error()) !== '');
  expect(await error()).toMatch(why);
  expect(await dockerRefuses('start', 'plain')).toMatch(why);
  expect(await addressIn('late')).toBe('none');
  await docker('restart', '--time', '0', 'late');
  expect(await journal('vlandhcp')).toMatch(
    new RegExp(`endpoint created without an address: ${why.source}`),
  );
  proves('shows-boot-why', why.exec(await error())?.[0] ?? '?');
  await systemctl('start', HUB);
  const back = performance.now();
  const hasLease = async () => (await addressIn('late')) !== 'none';
  await until('the late container has its address', hasLease);
  const leaseTook = secondsSince(back);
  await until('box is reached', () => reaches(box.address));
  expect(await attachment('box', 'fw500')).toEqual(box);
  await docker('start', 'plain');
  expect(await addressIn('plain')).toMatch(/^10\.50\.0\./);
  proves('shows-boot-lease', 'a late container leases; box as before', leaseTook);
});

async function addressIn(name: string): Promise<string> {
  const shown = await run('docker', ['exec', name, 'ip', '-4', '-o', 'addr', 'show', 'eth0']);
  return / (10\.[56]0\.0\.\d+)\//.exec(shown.stdout)?.[1] ?? 'none';
}
