/** What `wg` reads and prints: its configuration, and the lines of `wg show DEV dump`. Pure. */
import type { WgKey } from '../wireguard-key.ts';

export interface WireguardPeer {
  readonly publicKey: WgKey;
  /** What may come from the peer, and is sent to it: `10.83.41.2/32`. */
  readonly allowedIps: readonly string[];
  /** Undefined at the hub: the member's datagrams say where it is. */
  readonly endpoint?: string | undefined;
  /** Seconds. Undefined: none. */
  readonly keepalive?: number | undefined;
}

export interface WireguardConfig {
  readonly privateKey: WgKey;
  /** Undefined: any port. */
  readonly listenPort: number | undefined;
  readonly peers: readonly WireguardPeer[];
}

export interface PeerSeen extends WireguardPeer {
  /** Wall time in ms. Undefined if there was none. */
  readonly handshakeAt: number | undefined;
  readonly rxBytes: number;
  readonly txBytes: number;
}

export interface WireguardSeen {
  /** Undefined if it has none yet. */
  readonly privateKey: WgKey | undefined;
  readonly listenPort: number;
  readonly peers: readonly PeerSeen[];
}

export function configText({ privateKey, listenPort, peers }: WireguardConfig): string {
  const lines = ['[Interface]', `PrivateKey = ${privateKey}`];
  if (listenPort !== undefined) lines.push(`ListenPort = ${listenPort}`);
  for (const { publicKey, allowedIps, endpoint, keepalive } of peers) {
    lines.push('', '[Peer]', `PublicKey = ${publicKey}`);
    lines.push(`AllowedIPs = ${allowedIps.join(', ')}`);
    if (endpoint !== undefined) lines.push(`Endpoint = ${endpoint}`);
    if (keepalive !== undefined) lines.push(`PersistentKeepalive = ${keepalive}`);
  }
  return `${lines.join('\n')}\n`;
}

/** @param text the output of `wg show DEV dump`: fields between tabs, `(none)` and `off`. */
export function parseDump(text: string): WireguardSeen {
  const [own = [], ...peers] = text
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t').map(given));
  return {
    privateKey: own[0] as WgKey | undefined,
    listenPort: Number(own[2] ?? 0),
    peers: peers.map(([key, , endpoint, allowed, handshake, rx, tx, keepalive]) => ({
      publicKey: key as WgKey,
      endpoint,
      allowedIps: allowed?.split(',') ?? [],
      handshakeAt: handshake === '0' ? undefined : Number(handshake) * 1000,
      rxBytes: Number(rx),
      txBytes: Number(tx),
      keepalive: keepalive === undefined ? undefined : Number(keepalive),
    })),
  };
}

function given(field: string): string | undefined {
  return field === '(none)' || field === 'off' ? undefined : field;
}

/** True if the kernel has the keys, the peers and what is said of them. */
export function isAsWanted(seen: WireguardSeen, wanted: WireguardConfig): boolean {
  if (seen.privateKey !== wanted.privateKey || seen.listenPort !== wanted.listenPort) return false;
  const found = new Map(seen.peers.map((peer) => [peer.publicKey, peer]));
  if (found.size !== wanted.peers.length) return false;
  return wanted.peers.every(({ publicKey, allowedIps, endpoint, keepalive }) => {
    const peer = found.get(publicKey);
    if (peer === undefined || peer.keepalive !== keepalive) return false;
    if (endpoint !== undefined && peer.endpoint !== endpoint) return false;
    return [...peer.allowedIps].sort().join() === [...allowedIps].sort().join();
  });
}
