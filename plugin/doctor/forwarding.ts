/**
 * Judges which tables of nftables drop frames between the ports of a bridge (pure). The tables of
 * iptables are judged by the command line, in the words of `iptables -S`.
 */
import type {
  ChainFamily,
  ForwardChain,
  Forwarding,
} from '../vocabulary/firewall/forward-chains.ts';
import { fail, ok, warn, type Finding } from './finding.ts';
import { verdictOf, type FrameKeys } from './nft-verdict.ts';

export interface BridgeFact {
  readonly name: string;
  /** Its port to the trunk, and that of a container. */
  readonly ports: readonly [uplink: string, container: string];
  readonly families: readonly ('IPv4' | 'IPv6')[];
  /** By name, as far as they are known: a rule may name a link by its index. */
  readonly indexes: ReadonlyMap<string, number>;
}

export interface ForwardingFacts {
  /** A sentence instead if they could not be read. */
  readonly forwarding: Forwarding | string;
  readonly bridges: readonly BridgeFact[];
}

type Packet = 'IPv4' | 'IPv6' | 'ARP';

const PROTOCOL: Readonly<Record<Packet, readonly [number, number]>> = {
  IPv4: [0x08, 0x00],
  IPv6: [0x86, 0xdd],
  ARP: [0x08, 0x06],
};
/** The first frame of a connection. */
const STATE_NEW = 8;
const [NFPROTO_IPV4, NFPROTO_BRIDGE, NFPROTO_IPV6] = [2, 7, 10];

export function judgeForwarding({ forwarding, bridges }: ForwardingFacts): Finding[] {
  if (bridges.length === 0) return [];
  if (typeof forwarding === 'string') {
    const text = `it is not known whether a table of nftables drops bridged frames: ${forwarding}`;
    return [warn('nftables', 'host', text, 'nft list ruleset')];
  }
  const findings = bridges.flatMap((bridge) => judgeBridge(bridge, forwarding));
  if (findings.length > 0) return findings;
  const { ipv4, ipv6 } = forwarding.passesIp;
  const families = [...(ipv4 ? ['IPv4'] : []), ...(ipv6 ? ['IPv6'] : [])].join(' and ');
  const whose = families === '' ? 'for bridges' : `for bridges and ${families}`;
  return [ok('nftables', 'host', `no table of nftables ${whose} drops frames between the ports of a bridge`)]; // prettier-ignore
}

function judgeBridge(bridge: BridgeFact, { chains, passesIp }: Forwarding): Finding[] {
  return chains
    .filter(({ policy }) => policy !== undefined)
    .flatMap((base) => {
      const inTable = chains.filter(({ family, table }) => isTable(base, family, table));
      const drops = framesOf(base.family, bridge, passesIp)
        .map(({ packet, keys }) => ({ packet, ...verdictOf(base, inTable, keys) }))
        .filter(({ type }) => type !== 'accept');
      const [first] = drops;
      if (first === undefined) return [];
      const packets = [...new Set(drops.map(({ packet }) => packet))].join(' and ');
      const where = `table ${base.family} ${base.table}`;
      const by =
        first.by === undefined
          ? `the policy drop of chain ${base.name} in ${where}`
          : `the rule with handle ${first.by.handle} of chain ${first.by.chain} in ${where}`;
      const say = drops.every(({ hasExceptions }) => hasExceptions) ? warn : fail;
      const some = say === warn ? ', apart from what a rule before accepts' : '';
      const text = `nftables drops ${packets} frames between the ports of ${bridge.name}: ${by}${some}`;
      return [say('nftables', bridge.name, text, mendOf(base, bridge.name))];
    });
}

function isTable(base: ForwardChain, family: ChainFamily, table: string): boolean {
  return base.family === family && base.table === table;
}

function mendOf({ family, table, name }: ForwardChain, bridge: string): string {
  if (table === 'firewalld') {
    return `firewall-cmd --permanent --zone=public --add-interface=${bridge} && firewall-cmd --permanent --zone=public --add-forward && firewall-cmd --reload`;
  }
  const fits = family === 'bridge' ? `meta ibrname ${bridge}` : `iifname ${bridge} oifname ${bridge}`; // prettier-ignore
  return `nft insert rule ${family} ${table} ${name} ${fits} accept; and put the same rule into the file of that firewall`;
}

interface Frame {
  readonly packet: Packet;
  readonly keys: FrameKeys;
}

/** The frames that chains of that family get, from the trunk to a container and back. */
function framesOf(
  family: ChainFamily,
  { name, ports: [uplink, container], families, indexes }: BridgeFact,
  passesIp: Forwarding['passesIp'],
): readonly Frame[] {
  if (family === 'bridge') {
    const packets: readonly Packet[] = families.includes('IPv4') ? [...families, 'ARP'] : families;
    const ways = [
      [uplink, container],
      [container, uplink],
    ] as const;
    return packets.flatMap((packet) =>
      ways.map(([from, to]) => ({
        packet,
        keys: {
          ...keysOf(packet, NFPROTO_BRIDGE, [from, to], indexes),
          'bridge-name': nameBytes(name),
        },
      })),
    );
  }
  const isSeen = (packet: 'IPv4' | 'IPv6') =>
    packet === 'IPv4' ? passesIp.ipv4 && family !== 'ip6' : passesIp.ipv6 && family !== 'ip';
  const kind = nameBytes('bridge');
  return families.filter(isSeen).map((packet) => {
    const number = packet === 'IPv4' ? NFPROTO_IPV4 : NFPROTO_IPV6;
    const keys = keysOf(packet, number, [name, name], indexes);
    return { packet, keys: { ...keys, 'input-kind': kind, 'output-kind': kind } };
  });
}

function keysOf(
  packet: Packet,
  family: number,
  [from, to]: readonly [string, string],
  indexes: BridgeFact['indexes'],
): FrameKeys {
  const [input, output] = [indexes.get(from), indexes.get(to)];
  return {
    ...(input && { 'input-index': wordBytes(input) }),
    ...(output && { 'output-index': wordBytes(output) }),
    ...{ 'input-name': nameBytes(from), 'output-name': nameBytes(to) },
    family: Uint8Array.of(family),
    protocol: Uint8Array.from(PROTOCOL[packet]),
    'connection-state': wordBytes(STATE_NEW),
  };
}

/** In the order of the machine. Node runs on little-endian machines only. */
function wordBytes(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

function nameBytes(name: string): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes.set(new TextEncoder().encode(name).subarray(0, 16));
  return bytes;
}
