/**
 * A Docker host behind NAT: its engine runs containers on `uplink0`. The lab machine is the member.
 * The hub and the trunk are at the other end of the Internet. The tests are one story.
 */
import { afterEach, expect, it } from 'vitest';
import { proves, secondsSince } from '../support/uplink/acceptance.ts';
import { outcome, recordOutcomes } from '../support/lab/outcomes.ts';
import {
  attachment,
  captured,
  daemonLog,
  docker,
  dockerRefuses,
  ip,
  lab,
  leases,
  networkCommand,
  output,
  pingSteadily,
  run,
  until,
} from '../support/lab/lab.ts';
import { site } from '../support/lab/site.ts';

recordOutcomes();
const place = site({
  server: ['dnsmasq-no-ping', '500'],
  also: ['internet', 'capture'],
  clearsAfterEach: false,
});

const PROGRAM = 'dist/vlandhcp-uplink.cjs';
const atHub = (...command: string[]) => output('ip', ['netns', 'exec', 'hub', ...command]);
const officeReaches = async (address: string) =>
  (await run('ip', ['netns', 'exec', 'office', 'ping', '-c', '1', '-W', '2', address])).status ===
  0;
/** What join makes at both ends. Of a member that was revoked the hub keeps only its record. */
const ofTheUplink = async () => ({
  hub: (await atHub('ip', '-br', 'link'))
    .split('\n')
    .map((line) => line.split(/[ @]/)[0])
    .sort(),
  routes: await ip('route', 'show', 'type', 'blackhole'),
  tables: (await output('nft', ['list', 'tables'])).match(/.* vlandhcp_\S+/g),
  // The history stays: who looks for what happened finds the end of the uplink there.
  files: (
    await run('find', ['/var/lib/vlandhcp/uplink', '-type', 'f', '-not', '-path', '*/events/*'])
  ).stdout,
});
const hasCarrier = async () => !(await ip('link', 'show', 'uplink0')).includes('NO-CARRIER');

let before: unknown;
let box: Awaited<ReturnType<typeof attachment>>;

afterEach(async ({ task }) => {
  if (task.result?.state !== 'fail') return;
  for (const name of ['hub', 'uplink'])
    process.stderr.write(`${(await daemonLog(name).catch(() => '')).slice(-4_000)}\n`);
});

it('a container on the uplink leases in VLAN 500 of the site, and the office reaches its own address', async () => {
  const from = performance.now();
  await lab('hub-up');
  before = await ofTheUplink();
  expect(await lab('member', 'laptop', '500')).toContain('uplink0 carries VLANs 500 (1500 bytes)');
  await docker(...networkCommand('fw500', ['parent=uplink0', 'vlan=500']));
  await docker('run', '-d', '--name', 'box', '--net=fw500', 'bb');
  const took = secondsSince(from);
  box = await attachment('box', 'fw500');
  expect(box).toMatchObject({
    address: expect.stringMatching(/^10\.50\.0\.1\d\d$/) as string,
    ...{ prefixLength: 24, gateway: '10.50.0.1' },
  });
  expect(await leases()).toContain(` ${box.mac} ${box.address} `);
  await until('the office reaches the container', () => officeReaches(box.address));
  await docker('exec', 'box', 'ping', '-c', '1', '-W', '2', '10.99.0.2');
  // 1500 bytes pass from end to end, uncut for whoever looks at the trunk.
  await docker('exec', 'box', 'ping', '-c', '1', '-W', '2', '-s', '1472', '10.99.0.2');
  const frames = await captured(box.mac);
  expect(frames.filter((line) => !line.includes('vlan 500'))).toEqual([]);
  expect(frames.filter((line) => line.includes('BOOTP/DHCP'))).not.toEqual([]);
  expect(frames.filter((line) => line.includes('ICMP echo'))).not.toEqual([]);
  proves('shows-three-commands', 'init, invite, join; then docker run: a lease of VLAN 500', took);
  proves('shows-office-ping', 'the office pings the leased address');
  proves(
    'shows-tag-500',
    'DHCP and ping, with the MAC of the container',
    `${frames.length} frames`,
  );
});

it('a VLAN that the uplink does not carry is refused by name when the network is made', async () => {
  expect(await dockerRefuses(...networkCommand('fw10', ['parent=uplink0', 'vlan=10']))).toContain(
    'the uplink uplink0 to hq carries VLANs 500, and not VLAN 10; set -o vlan= to one of them, or type at the hub: vlandhcp hub vlans',
  );
  expect(await ip('-br', 'link')).not.toMatch(/uplink0\.10|br10/);
});

it('while the hub is silent a start fails at once with the reason; what runs keeps lease, address and MAC, and goes on', async () => {
  const row = outcome('U', 'engine on uplink0: the way to the hub is cut until it is noticed');
  const pings = pingSteadily(box.address);
  await until('a ping is answered', () => pings.replies() > 0);
  await lab('internet-cut');
  const cutAt = performance.now();
  await until('the carrier of uplink0 is gone', async () => !(await hasCarrier()));
  const from = performance.now();
  const said = await dockerRefuses('run', '--name', 'late', '--net=fw500', 'bb');
  const tookMs = Math.round(performance.now() - from);
  expect(said).toMatch(
    /no lease on VLAN 500 of uplink0: the uplink to hq has been down since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC; vlandhcp uplink status says why/,
  );
  // It asked nobody: the site has heard no second client.
  expect((await leases()).trim().split('\n')).toHaveLength(1);
  await docker('rm', 'late');
  // How long the cut lasts is a part of the fault.
  await until('the cut has lasted for a minute', () => performance.now() - cutAt > 60_000, 90_000);
  await lab('internet-cut', 'mend');
  const mended = performance.now();
  const before = pings.replies();
  await until('the container answers again', () => pings.replies() > before);
  row.mendMs = Math.round(performance.now() - mended);
  const back = secondsSince(mended);
  await pings.stop();
  row.seen = `docker run refused after ${tookMs} ms; lease, address and MAC kept`;
  await sameAsBefore();
  await docker('run', '--rm', '--net=fw500', 'bb', 'ping', '-c', '1', '-W', '2', '10.50.0.1');
  proves('shows-cut-60', 'lease, address and MAC as before', back);
});

it.each([
  ['the host is in another network', 'roam', 'shows-roam'],
  ['the hub was rebooted', 'hub-reboot', 'shows-hub-reboot'],
])('after %s the container goes on as it was', async (what, piece, key) => {
  const row = outcome('U', `engine on uplink0: ${what}`);
  const pings = pingSteadily(box.address);
  await until('a ping is answered', () => pings.replies() > 0);
  await lab(piece);
  const from = performance.now();
  const before = pings.replies();
  await until('the container answers again', () => pings.replies() > before);
  row.mendMs = Math.round(performance.now() - from);
  const { lost } = await pings.stop();
  row.seen = `${lost} of the pings at 10 Hz lost; lease, address and MAC kept`;
  await sameAsBefore();
  proves(key, 'lease, address and MAC as before', silence(lost));
});

/** How long nothing came back. @param lost of pings at 10 Hz. */
const silence = (lost: number) => `${(lost / 10).toFixed(1)} s without an answer`;

/** Of the container: what Docker and the DHCP server have of it, and what is inside it. */
async function sameAsBefore(): Promise<void> {
  expect(await attachment('box', 'fw500')).toEqual(box);
  expect(await leases()).toContain(` ${box.mac} ${box.address} `);
  expect(await docker('exec', 'box', 'ip', '-4', '-o', 'addr', 'show', 'eth0')).toContain(
    ` ${box.address}/24 `,
  );
}

it('after a reboot of the uplink the plugin puts the network on the new links; the container goes on as it was', async () => {
  const row = outcome('U', 'engine on uplink0: killed, its links gone, started anew');
  const pings = pingSteadily(box.address);
  await until('a ping is answered', () => pings.replies() > 0);
  const from = performance.now();
  await lab('uplink-reboot');
  const before = pings.replies();
  await until('the container answers again', () => pings.replies() > before);
  row.mendMs = Math.round(performance.now() - from);
  const { lost } = await pings.stop();
  row.seen = `${lost} of the pings at 10 Hz lost; lease, address and MAC kept`;
  await sameAsBefore();
  proves('shows-member-reboot', 'lease, address and MAC as before', silence(lost));
});

it('after hub revoke no frame passes, and after uplink leave nothing is left', async () => {
  expect(await officeReaches(box.address)).toBe(true);
  await atHub('node', PROGRAM, 'hub', 'revoke', 'laptop');
  expect(await officeReaches(box.address)).toBe(false);
  proves('day-revoked', 'no ping when the command returned');
  await docker('rm', '-f', 'box');
  await docker('network', 'rm', 'fw500');
  expect(await output('node', [PROGRAM, 'uplink', 'leave'])).toMatch(/^uplink0 is gone here; /);
  expect(await place.leftLinks()).toEqual([]);
  expect(await ofTheUplink()).toEqual(before);
  const history = await output('node', [PROGRAM, 'uplink', 'events']);
  expect(history).toMatch(/ uplink\.joined [^]* uplink\.revoked [^]* uplink\.left /);
  proves('shows-nothing-left', 'links, routes, rules and files as before the join');
});
