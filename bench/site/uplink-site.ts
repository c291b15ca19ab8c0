/**
 * A hub beside a trunk, and hosts elsewhere that are its members. This machine is one of them: so
 * the plugin runs on `uplink0` as on any trunk. There is no delay and no NAT on the way.
 *
 *   [fw] trunk = VLANs 500, 700 [hub] wan --+-- home [this machine] beside = VLAN 501 [fw]
 *                                           +-- eth0 [m0], [m1], …
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { post } from '../../test/support/lab/unix-http.ts';
import { generateKey, publicKeyOf, type WgKey } from '../../plugin/uplink/wireguard-key.ts';
import { ipBatch, NODE_OPTION } from './driver.ts';
import { SELF, start, type Program } from './process.ts';

const PROGRAM = 'dist/vlandhcp-uplink.cjs';
const HUB_ADDRESS = '203.0.113.10';
const PLAIN_PORT = 51_999;
const HOUR_MS = 3_600_000;

/** `overBridged` is the same plain WireGuard, from behind a bridge as Docker makes it. */
export const OFFICE = {
  overUplink: '10.100.0.1',
  overPlain: '10.63.0.1',
  overBridged: '10.63.0.2',
} as const;
/** In the namespace of the container: its ways to plain WireGuard. */
const [PLAIN_BOX, BRIDGED_BOX] = ['10.62.0.2', '10.62.1.2'];
export const VLAN = { uplink: 500, beside: 501, plain: 700 } as const;

export const inside = (namespace: string, ...command: string[]) => [
  ...['ip', 'netns', 'exec', namespace],
  ...command,
];

/** Makes networks, the office with a DHCP server in both VLANs, and the box of the container. */
export async function placesUp(): Promise<Program> {
  for (const name of ['fw', 'hub', 'inet', 'box']) execFileSync('ip', ['netns', 'add', name]);
  ipBatch([
    'link add trunk netns hub type veth peer name t1 netns fw',
    'link add beside type veth peer name t2 netns fw',
    'link set beside up',
  ]);
  ipBatch(['link add net type bridge', 'link set net up'], 'inet');
  cable('hub', 'wan', `${HUB_ADDRESS}/24`);
  cable(undefined, 'home', '203.0.113.11/24');
  ipBatch(['link set lo up', 'link set trunk up'], 'hub');
  const [to500, to501, to700] = [`t1.${VLAN.uplink}`, `t2.${VLAN.beside}`, `t1.${VLAN.plain}`];
  ipBatch(
    [
      ...['lo', 't1', 't2'].map((link) => `link set ${link} up`),
      ...[to500, to501, to700].flatMap((link) => {
        const [parent = '', vlan = ''] = link.split('.');
        return [`link add link ${parent} name ${link} type vlan id ${vlan}`, `link set ${link} up`];
      }),
      `address add ${OFFICE.overUplink}/16 dev ${to500}`,
      `address add 10.101.0.1/16 dev ${to501}`,
      `address add ${OFFICE.overPlain}/24 dev ${to700}`,
      `address add ${OFFICE.overBridged}/24 dev ${to700}`,
    ],
    'fw',
  );
  const links = [`${to500}=10.100`, `${to501}=10.101`];
  const server = start(inside('fw', ...SELF, 'responder', '7200', '-', ...links));
  await server.said('ready');
  return server;
}

/** A link to the Internet, which is one bridge. */
function cable(namespace: string | undefined, link: string, address: string): void {
  const own = namespace ?? 'root';
  const where = namespace === undefined ? '' : `netns ${namespace} `;
  ipBatch([`link add ${link} ${where}type veth peer name ${own} netns inet`]);
  ipBatch([`link set ${own} master net up`], 'inet');
  ipBatch([`address add ${address} dev ${link}`, `link set ${link} up`], namespace);
}

export async function hubUp(): Promise<Program> {
  const init = ['--site', 'hq', '--trunk', 'trunk', '--endpoint', HUB_ADDRESS];
  const words = inside('hub', process.execPath, NODE_OPTION, PROGRAM, 'hub');
  execFileSync(words[0] ?? '', [...words.slice(1), 'init', ...init, '--subnet', '10.83.41.0/24']);
  const hub = start([...words, 'run']);
  await hub.said('"hub ready"');
  return hub;
}

/** A host of its own, with the service of its uplinks. Number -1 is this machine. */
export interface Host {
  readonly service: Program;
  /** Milliseconds from the call with the token to its answer: the trunk works. */
  join(name: string, vlans: string): Promise<number>;
}

export async function hostUp(number: number): Promise<Host> {
  const name = `m${number}`;
  const [runDir, isElsewhere] = [`/run/bench/${name}`, number >= 0];
  if (isElsewhere) {
    execFileSync('ip', ['netns', 'add', name]);
    ipBatch(['link set lo up'], name);
    cable(name, 'eth0', `203.0.113.${20 + number}/24`);
  }
  const command = [process.execPath, NODE_OPTION, PROGRAM, 'uplink', 'run'];
  const service = start(isElsewhere ? inside(name, ...command) : command, {
    RUN_DIR: runDir,
    STATE_DIR: `/var/lib/bench/${name}`,
  });
  await service.said('uplink service ready');
  return {
    service,
    async join(as, vlans) {
      const wanted = { name: as, vlans, expiresMs: HOUR_MS };
      const { token } = await ask<{ token: string }>('/run/vlandhcp/hub.sock', 'invite', wanted);
      const before = performance.now();
      await ask(`${runDir}/uplink.sock`, 'join', { token, device: 'uplink0' });
      return performance.now() - before;
    },
  };
}

async function ask<Result>(socket: string, name: string, body: object): Promise<Result> {
  const headers = { 'Content-Type': 'application/json' };
  const { status, text } = await post(socket, `/v1/${name}`, JSON.stringify(body), { headers });
  if (status !== 200) throw new Error(`${name}: ${status} ${text}`);
  return JSON.parse(text) as Result;
}

/** WireGuard by hand between this machine and the hub, routed from the box to the office. */
export function plainUp(): void {
  const [mine, hubs] = [generateKey(), generateKey()];
  const end = (namespace: string | undefined, own: WgKey, peer: WgKey, ...more: string[]) => {
    const file = `/run/bench/plain-${namespace ?? 'root'}`;
    mkdirSync('/run/bench', { recursive: true });
    writeFileSync(file, own, { mode: 0o600 });
    ipBatch(['link add plain type wireguard'], namespace);
    const words = [...(namespace === undefined ? [] : inside(namespace)), 'wg', 'set', 'plain'];
    const of = ['listen-port', String(PLAIN_PORT), 'private-key', file];
    const to = ['peer', publicKeyOf(peer), 'allowed-ips', '10.62.0.0/23,10.63.0.0/24', ...more];
    execFileSync(words[0] ?? '', [...words.slice(1), ...of, ...to]);
    ipBatch(['link set plain mtu 1420 up'], namespace);
  };
  end(undefined, mine, hubs, 'endpoint', `${HUB_ADDRESS}:${PLAIN_PORT}`);
  end('hub', hubs, mine);
  ipBatch([
    'link add tobox type veth peer name plain netns box',
    'address add 10.62.0.1/24 dev tobox',
    'link set tobox up',
    'route add 10.63.0.0/24 dev plain',
    'link add bridged type bridge',
    'link add toport type veth peer name bridged netns box',
    'link set toport master bridged up',
    'address add 10.62.1.1/24 dev bridged',
    'link set bridged up',
  ]);
  ipBatch(
    [
      `address add ${PLAIN_BOX}/24 dev plain`,
      'link set plain mtu 1420 up',
      'route add 10.63.0.0/24 via 10.62.0.1',
      `address add ${BRIDGED_BOX}/24 dev bridged`,
      'link set bridged mtu 1420 up',
      `route add ${OFFICE.overBridged} via 10.62.1.1`,
    ],
    'box',
  );
  const toOffice = `trunk.${VLAN.plain}`;
  ipBatch(
    [
      `link add link trunk name ${toOffice} type vlan id ${VLAN.plain}`,
      `address add 10.63.0.254/24 dev ${toOffice}`,
      `link set ${toOffice} up`,
      'route add 10.62.0.0/23 dev plain',
    ],
    'hub',
  );
  ipBatch(['route add 10.62.0.0/23 via 10.63.0.254 mtu 1420'], 'fw');
  execFileSync('ip', inside('hub', 'sysctl', '-qw', 'net.ipv4.ip_forward=1').slice(1));
}
