/**
 * One WireGuard link of this host: made, given its keys, peers and address, and read (U14). Where
 * the kernel has no WireGuard, `wireguard-go` makes the link. It runs on by itself, so the end of
 * this process loses no frame (U5). It ends when its link is removed.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { commandEvidence, runCommand } from '../../net/command.ts';
import { failedLine, ipBatch, isNotSupported } from '../../net/ip.ts';
import { removeLink } from '../../net/links/link-changes.ts';
import { describe } from '../../net/links/link-checks.ts';
import { readLink } from '../../net/links/link-info.ts';
import { changeLinks } from '../../net/netlink/rtnetlink.ts';
import { PluginError } from '../../vocabulary/errors.ts';
import { TUNNEL_MARK } from '../../vocabulary/uplink/uplink-alias.ts';
import { TUNNEL_MTU } from '../desired.ts';
import type { WgKey } from '../wireguard-key.ts';
import { tunnelNetwork } from '../tunnel-subnet.ts';
import { ensureNetworkMtu } from './path-routes.ts';
import { hasLastRoute, readTunnel, type TunnelSeen } from './tunnel-table.ts';
import {
  configText,
  isAsWanted,
  parseDump,
  type WireguardConfig,
  type WireguardPeer,
  type WireguardSeen,
} from './wireguard-text.ts';

export interface WireguardLink {
  readonly name: string;
  readonly address: string;
  readonly prefixLength: number;
  readonly privateKey: WireguardConfig['privateKey'];
  /** Undefined: any port. It stays as it is once chosen, so that a NAT keeps its entry. */
  readonly listenPort: number | undefined;
  readonly peers: WireguardConfig['peers'];
  /** Of the routes by this link. Undefined: as they are. */
  readonly pathMtu?: number | undefined;
}

/** Makes the kernel equal to it. Changes nothing that is equal. @throws PluginError. */
export async function ensureWireguard(wanted: WireguardLink): Promise<void> {
  const { name } = wanted;
  const link = await readTunnel(name);
  if (link === undefined) await makeWireguard(wanted);
  else if (link.alias === TUNNEL_MARK) await correct(wanted, link);
  else throw await conflict(name);
  if (wanted.pathMtu !== undefined) await ensureNetworkMtu(name, wanted.pathMtu);
}

async function correct(wanted: WireguardLink, link: TunnelSeen): Promise<void> {
  const { name } = wanted;
  const seen = await readWireguard(name);
  const config = { ...wanted, listenPort: wanted.listenPort ?? seen.listenPort };
  if (!isAsWanted(seen, config)) await syncConfig(name, config);
  const address = addressOf(wanted);
  const hasRoute = await hasLastRoute(
    tunnelNetwork(wanted.address, wanted.prefixLength),
    LAST_METRIC,
  );
  await ipBatch([
    ...(link.mtu === TUNNEL_MTU ? [] : [`link set dev ${name} mtu ${TUNNEL_MTU}`]),
    ...link.addresses
      .filter((other) => other !== address)
      .map((other) => `address del ${other} dev ${name}`),
    ...(link.addresses.includes(address) ? [] : [`address add ${address} dev ${name}`]),
    ...(link.isUp ? [] : [`link set dev ${name} up`]),
    ...(hasRoute ? [] : [`route replace ${lastRoute(wanted)}`]),
  ]);
}

async function conflict(name: string): Promise<PluginError> {
  const link = await readLink(name);
  const what = link === undefined ? 'a link' : describe(link);
  return new PluginError(
    'LINK_CONFLICT',
    `link ${name} exists and is ${what} of somebody else; rename or remove it`,
  );
}

/** Behind every other route. The network of a tunnel is a private one, so others may have it. */
const LAST_METRIC = 4_278_198_272;

/** Without the tunnel its packets would follow the default route, and nobody would encrypt them. */
function lastRoute({ address, prefixLength }: TunnelAddress): string {
  return `blackhole ${tunnelNetwork(address, prefixLength)} metric ${LAST_METRIC}`;
}

function addressOf({ address, prefixLength }: TunnelAddress): string {
  return `${address}/${prefixLength}`;
}

type TunnelAddress = Pick<WireguardLink, 'address' | 'prefixLength'>;

/** @throws PluginError IP_COMMAND_FAILED, also if the link is no WireGuard. */
export async function readWireguard(name: string): Promise<WireguardSeen> {
  return parseDump((await wg(['show', name, 'dump'])).stdout);
}

/** Removes a peer and adds it again: a handshake starts at once, with new sessions. */
export async function addPeerAnew(
  name: string,
  { publicKey, allowedIps, endpoint, keepalive = 0 }: WireguardConfig['peers'][number],
): Promise<void> {
  const where = endpoint === undefined ? [] : ['endpoint', endpoint];
  const what = ['allowed-ips', allowedIps.join(','), 'persistent-keepalive', `${keepalive}`];
  const again = ['peer', publicKey, ...where, ...what];
  // One process, so that the peer is never missing, and because a member waits for it.
  await wg(['set', name, 'peer', publicKey, 'remove', ...again]);
}

export interface PeersChange {
  readonly gone: readonly WgKey[];
  /** New ones, and those with other addresses. */
  readonly changed: readonly WireguardPeer[];
}

/** Changes these peers, and looks at no other. No process is started if there are none. */
export async function changePeers(name: string, { gone, changed }: PeersChange): Promise<void> {
  if (gone.length + changed.length === 0) return;
  await wg([
    ...['set', name],
    // First: a peer that is gone may have had the address of another one.
    ...gone.flatMap((key) => ['peer', key, 'remove']),
    ...changed.flatMap((one) => ['peer', one.publicKey, 'allowed-ips', one.allowedIps.join(',')]),
  ]);
}

/** A link that is gone is no error. `wireguard-go` ends with its link. */
export async function removeWireguard(name: string): Promise<void> {
  const link = await readTunnel(name);
  if (link?.alias !== TUNNEL_MARK) return;
  await removeLink(name);
  for (const one of link.addresses) {
    const [address = '', length] = one.split('/');
    await dropRoute(lastRoute({ address, prefixLength: Number(length) }));
  }
}

/** A route that is gone is no error. */
async function dropRoute(route: string): Promise<void> {
  try {
    await ipBatch([`route del ${route}`]);
  } catch (error) {
    if (!/No such process/.test(commandEvidence(error)?.stderr ?? '')) throw error;
  }
}

/** Its keys and peers are there before it is up. */
async function makeWireguard(wanted: WireguardLink): Promise<void> {
  const { name } = wanted;
  const settings = [
    `link set dev ${name} alias "${TUNNEL_MARK}"`,
    `link set dev ${name} addrgenmode none`,
    `link set dev ${name} mtu ${TUNNEL_MTU}`,
    `address add ${addressOf(wanted)} dev ${name}`,
    `route replace ${lastRoute(wanted)}`,
  ];
  try {
    await ipBatch([`link add name ${name} type wireguard`, ...settings]);
  } catch (error) {
    if (failedLine(error) !== 1 || !isNotSupported(error)) throw error;
    await startWireguardGo(name, error);
    await ipBatch(settings);
  }
  await syncConfig(name, wanted);
  await changeLinks([{ name, isUp: true }]);
}

/** It goes into the background by itself once the link is there. */
async function startWireguardGo(name: string, cause: unknown): Promise<void> {
  try {
    await runCommand('wireguard-go', [name]);
  } catch (error) {
    if (commandEvidence(error)?.missing !== true) throw error;
    throw new PluginError(
      'UNSUPPORTED',
      `this kernel has no WireGuard, and the program wireguard-go is not installed; load the module with: modprobe wireguard, or install wireguard-go`,
      { cause },
    );
  }
}

/** Node's pipes are sockets, which `wg` cannot open by name. So the keys go through a file. */
async function syncConfig(name: string, config: WireguardConfig): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'vlandhcp-wg-'));
  try {
    const file = join(folder, 'conf');
    writeFileSync(file, configText(config), { mode: 0o600 });
    await wg(['syncconf', name, file]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function wg(args: readonly string[]): Promise<{ readonly stdout: string }> {
  try {
    return await runCommand('wg', args);
  } catch (error) {
    if (commandEvidence(error)?.missing !== true) throw error;
    throw new PluginError(
      'UNSUPPORTED',
      'the program wg is not installed; install the package wireguard-tools',
      { cause: error },
    );
  }
}
