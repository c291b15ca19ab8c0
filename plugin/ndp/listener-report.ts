/**
 * The report of MLDv2 by which a host joins multicast groups (RFC 3810 §5.2), in its Ethernet
 * frame. RFC 9777 replaces that RFC; the sections cited here are those of RFC 3810.
 *
 * Switches and bridges that snoop pass the frames of a group only to ports that have joined it.
 * Before the kernel of the container has the address, nothing else joins its solicited-node group.
 */
import type { Mac } from '../wire/address.ts';
import { IPV6_ANY, isLinkLocal, isMulticast, multicastMacOf, type Ipv6 } from '../wire/address6.ts';
import { decodeEthernet, encodeEthernet, ETHERTYPE_IPV6 } from '../wire/ethernet.ts';
import {
  decodeHopByHop,
  decodeIpv6,
  encodeIpv6,
  encodeMldAlert,
  NEXT_HEADER_HOP_BY_HOP,
  NEXT_HEADER_ICMPV6,
  upperLayerChecksum,
} from '../wire/ipv6.ts';
import { MalformedError } from '../wire/malformed-error.ts';
import { Reader } from '../wire/reader.ts';
import { Writer } from '../wire/writer.ts';
import { withChecksum } from './frame.ts';

export interface ListenerReport {
  readonly sourceMac: Mac;
  /** Our link-local address, or `::` while it is tentative (§5.2.13). */
  readonly source: Ipv6;
  /** The groups that are joined for each source. */
  readonly groups: readonly Ipv6[];
}

/** §5.2.14: all MLDv2-capable routers. */
const ALL_MLD_ROUTERS = 'ff02::16' as Ipv6;
const TYPE_REPORT = 143;
/** §5.2.12. An empty list of excluded sources: each source is wanted. */
const MODE_IS_EXCLUDE = 2;
const CHANGE_TO_EXCLUDE = 4;
/** §5. */
const HOP_LIMIT = 1;

export function encodeListenerReport({ sourceMac, source, groups }: ListenerReport): Uint8Array {
  const report = new Writer().u8(TYPE_REPORT).u8(0).u16(0).u16(0).u16(groups.length);
  for (const group of groups) report.u8(CHANGE_TO_EXCLUDE).u8(0).u16(0).ipv6(group);
  const between = { source, destination: ALL_MLD_ROUTERS };
  return encodeEthernet({
    destination: multicastMacOf(ALL_MLD_ROUTERS),
    source: sourceMac,
    etherType: ETHERTYPE_IPV6,
    payload: encodeIpv6({
      ...between,
      nextHeader: NEXT_HEADER_HOP_BY_HOP,
      hopLimit: HOP_LIMIT,
      payload: encodeMldAlert(NEXT_HEADER_ICMPV6, withChecksum(report.toBytes(), between)),
    }),
  });
}

/**
 * The groups that a report says are wanted for each source. Other records are skipped.
 * @throws MalformedError, and nothing else, for a frame that is not a valid report (§6.2, §7.4).
 */
export function decodeListenerReport(
  frame: Uint8Array,
  options: { readonly checksumReady: boolean },
): ListenerReport {
  const ethernet = decodeEthernet(frame);
  if (ethernet.etherType !== ETHERTYPE_IPV6) throw new MalformedError('EtherType', 12);
  const packet = decodeIpv6(ethernet.payload);
  const { source, destination } = packet;
  if (packet.nextHeader !== NEXT_HEADER_HOP_BY_HOP) throw new MalformedError('IPv6 next header', 6);
  if (packet.hopLimit !== HOP_LIMIT) throw new MalformedError('IPv6 hop limit', 7);
  if (source !== IPV6_ANY && !isLinkLocal(source)) throw new MalformedError('MLD source', 8);
  const { nextHeader, hasMldAlert, payload } = decodeHopByHop(packet.payload);
  if (nextHeader !== NEXT_HEADER_ICMPV6) throw new MalformedError('next header', 0);
  if (!hasMldAlert) throw new MalformedError('router alert', 0);
  if (
    options.checksumReady &&
    upperLayerChecksum({ source, destination }, nextHeader, payload) !== 0
  ) {
    throw new MalformedError('ICMPv6 checksum', 2);
  }
  return { sourceMac: ethernet.source, source, groups: decodeRecords(payload) };
}

function decodeRecords(payload: Uint8Array): readonly Ipv6[] {
  const reader = new Reader(payload);
  if (reader.u8('ICMPv6 type') !== TYPE_REPORT) throw new MalformedError('ICMPv6 type', 0);
  // Code, checksum and a reserved field, which a receiver ignores (§5.2.2, §5.2.1).
  reader.bytes(5, 'MLD header');
  const count = reader.u16('number of records');
  const groups: Ipv6[] = [];
  for (let index = 0; index < count; index += 1) {
    const type = reader.u8('record type');
    const auxiliary = 4 * reader.u8('auxiliary data length');
    const sources = reader.u16('number of sources');
    const group = reader.ipv6('multicast address');
    reader.bytes(16 * sources + auxiliary, 'sources');
    if (!isMulticast(group)) throw new MalformedError('multicast address', reader.offset);
    const isExclude = type === MODE_IS_EXCLUDE || type === CHANGE_TO_EXCLUDE;
    if (isExclude && sources === 0) groups.push(group);
  }
  return groups;
}
