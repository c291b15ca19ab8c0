/**
 * WireGuard by `wg` (U14): a link, its key and its peers. The kernel is read first, and nothing is
 * changed that is equal already, so that sessions go on.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandEvidence, runCommand } from '../../net/command.ts';
import { ipBatch, isAlreadyThere, isNotSupported } from '../../net/ip.ts';
import { PluginError } from '../../vocabulary/errors.ts';
import { parseKey, type WgKey } from '../wireguard-key.ts';

/** For an underlay of 1500 bytes, over IPv6. */
const TUNNEL_MTU = 1420;

export interface WgPeer {
  readonly publicKey: WgKey;
  /** Sorted, with prefix length. */
  readonly allowedIps: readonly string[];
  /** Undefined: the peer dials. */
  readonly endpoint?: string;
  readonly keepaliveSec?: number;
}

export interface WgConfig {
  readonly privateKey: WgKey;
  /** Undefined: any. */
  readonly listenPort?: number;
  readonly peers: readonly WgPeer[];
}

export interface WgPeerDump extends Required<Omit<WgPeer, 'endpoint' | 'keepaliveSec'>> {
  readonly endpoint: string | undefined;
  readonly keepaliveSec: number;
  /** Wall time in ms. Undefined: never. */
  readonly handshakeAt: number | undefined;
  readonly rxBytes: number;
  readonly txBytes: number;
}

export interface WgDump {
  readonly privateKey: WgKey | undefined;
  readonly listenPort: number;
  readonly peers: readonly WgPeerDump[];
}

/** Makes the link if it is missing. @throws PluginError. */
export async function ensureWgLink(device: string): Promise<void> {
  try {
    await ipBatch([
      `link add name ${device} type wireguard`,
      `link set dev ${device} mtu ${TUNNEL_MTU} addrgenmode none`,
    ]);
  } catch (error) {
    if (isAlreadyThere(error)) return;
    if (!isNotSupported(error)) throw error;
    throw new PluginError(
      'IP_COMMAND_FAILED',
      'the kernel of this host has no WireGuard; it needs Linux 5.6 or newer, or the module wireguard',
      { cause: error },
    );
  }
}

/** Undefined if there is no such link. @throws PluginError. */
export async function dump(device: string): Promise<WgDump | undefined> {
  try {
    return decodeDump((await runCommand('wg', ['show', device, 'dump'])).stdout);
  } catch (error) {
    const evidence = commandEvidence(error);
    if (evidence?.missing === true) throw missing(error);
    if (/No such device/.test(evidence?.stderr ?? '')) return undefined;
    throw error;
  }
}

/** Makes key, port and peers equal to `config`. Sessions of peers that stay go on. */
export async function sync(device: string, config: WgConfig): Promise<void> {
  const present = await dump(device);
  if (present !== undefined && isEqual(present, config)) return;
  // `wg` reads its file, and not a pipe of Node's, which is a socket.
  const folder = await mkdtemp(join(tmpdir(), 'vlandhcp-'));
  try {
    const file = join(folder, 'wg.conf');
    await writeFile(file, configText(config), { mode: 0o600 });
    await runCommand('wg', ['syncconf', device, file]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Removes the peer and adds it again: a handshake starts with the next packet. */
export async function revive(device: string, peer: WgPeer): Promise<void> {
  const { publicKey, allowedIps, endpoint, keepaliveSec } = peer;
  await runCommand('wg', ['set', device, 'peer', publicKey, 'remove']);
  await runCommand('wg', [
    ...['set', device, 'peer', publicKey, 'allowed-ips', allowedIps.join(',')],
    ...(endpoint === undefined ? [] : ['endpoint', endpoint]),
    ...(keepaliveSec === undefined ? [] : ['persistent-keepalive', String(keepaliveSec)]),
  ]);
}

/** Decodes `wg show DEVICE dump`: a line for the link, then one for each peer, with tabs. */
export function decodeDump(text: string): WgDump {
  const [own = '', ...lines] = text.split('\n').filter((line) => line !== '');
  const [privateKey = '', , listenPort = '0'] = own.split('\t');
  return {
    privateKey: parseKey(privateKey),
    listenPort: Number(listenPort),
    peers: lines.flatMap((line): WgPeerDump[] => {
      const [key = '', , endpoint, allowed = '', seen, rx, tx, keepalive] = line.split('\t');
      const publicKey = parseKey(key);
      if (publicKey === undefined) return [];
      return [
        {
          publicKey,
          allowedIps: allowed === '(none)' ? [] : allowed.split(',').sort(),
          endpoint: endpoint === '(none)' ? undefined : endpoint,
          keepaliveSec: keepalive === 'off' ? 0 : Number(keepalive),
          handshakeAt: Number(seen) === 0 ? undefined : Number(seen) * 1000,
          rxBytes: Number(rx),
          txBytes: Number(tx),
        },
      ];
    }),
  };
}

/** The endpoint of a peer that dials is its own business. */
function isEqual(present: WgDump, { privateKey, listenPort, peers }: WgConfig): boolean {
  if (present.privateKey !== privateKey || present.peers.length !== peers.length) return false;
  if (listenPort !== undefined && present.listenPort !== listenPort) return false;
  const byKey = new Map(present.peers.map((peer) => [peer.publicKey, peer]));
  return peers.every(({ publicKey, allowedIps, endpoint, keepaliveSec = 0 }) => {
    const found = byKey.get(publicKey);
    return (
      found !== undefined &&
      found.allowedIps.join() === allowedIps.join() &&
      found.keepaliveSec === keepaliveSec &&
      (endpoint === undefined || found.endpoint === endpoint)
    );
  });
}

export function configText({ privateKey, listenPort, peers }: WgConfig): string {
  const blocks = peers.map(({ publicKey, allowedIps, endpoint, keepaliveSec }) =>
    [
      '[Peer]',
      `PublicKey = ${publicKey}`,
      `AllowedIPs = ${allowedIps.join(', ')}`,
      ...(endpoint === undefined ? [] : [`Endpoint = ${endpoint}`]),
      ...(keepaliveSec === undefined ? [] : [`PersistentKeepalive = ${keepaliveSec}`]),
    ].join('\n'),
  );
  const port = listenPort === undefined ? [] : [`ListenPort = ${listenPort}`];
  return `${[['[Interface]', `PrivateKey = ${privateKey}`, ...port].join('\n'), ...blocks].join('\n')}\n`;
}

function missing(cause: unknown): PluginError {
  return new PluginError(
    'IP_COMMAND_FAILED',
    'the program wg is not installed; install the package wireguard-tools',
    { cause },
  );
}
