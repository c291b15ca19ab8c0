/**
 * Encodes and decodes messages of rtnetlink(7) about the VLANs of a bridge and its ports
 * (linux/if_bridge.h). Bytes only.
 *
 *   struct ifinfomsg of family AF_BRIDGE, as in link-messages.ts
 *   its attribute IFLA_AF_SPEC: IFLA_BRIDGE_FLAGS (2), IFLA_BRIDGE_VLAN_INFO (4) for each VLAN:
 *   struct bridge_vlan_info  0 flags (2)  2 vid (2)
 */
import type { VlanRange } from '../../vocabulary/vlan-tags.ts';
import {
  IFLA_AF_SPEC,
  IFLA_EXT_MASK,
  linkHeader,
  NLM_F_ACK,
  NLM_F_DUMP,
  RTM_DELLINK,
  RTM_GETLINK,
  RTM_SETLINK,
} from './link-messages.ts';
import { attribute, attributesOf, findAttribute, message, number } from './netlink-messages.ts';

/** A VLAN of a port, or of the bridge itself (`self`). */
export interface VlanMember {
  /** The index of the port, or of the bridge. */
  readonly index: number;
  readonly vlan: number;
  readonly self: boolean;
}

const AF_BRIDGE = 7;
const RTEXT_FILTER_BRVLAN_COMPRESSED = 4;
const IFLA_BRIDGE_FLAGS = 0;
const IFLA_BRIDGE_VLAN_INFO = 2;
const BRIDGE_FLAGS_MASTER = 1;
const BRIDGE_FLAGS_SELF = 2;
const BRIDGE_VLAN_INFO_PVID = 2;
const BRIDGE_VLAN_INFO_UNTAGGED = 4;
const BRIDGE_VLAN_INFO_RANGE_BEGIN = 8;
const BRIDGE_VLAN_INFO_RANGE_END = 16;
const INDEX_AT = 4;
const HEADER_LENGTH = 16;

/** Asks for the VLANs of all bridges and ports. Neighbouring ids come as one range. */
export function aboutAllVlans(): Uint8Array {
  const mask = number(4, IFLA_EXT_MASK, RTEXT_FILTER_BRVLAN_COMPRESSED);
  return message(RTM_GETLINK, NLM_F_DUMP, bridgeHeader(0), mask);
}

/** The VLANs of a bridge or port. */
export interface LinkVlans {
  readonly vlans: readonly VlanRange[];
  /** Those of `vlans` whose frames leave there without their tag. */
  readonly untagged: readonly VlanRange[];
}

/**
 * @param body an answer to `aboutAllVlans`, without its header.
 * @returns undefined for the answer of a card about its own switch. The kernel sends it beside that
 * of the bridge, for the same index, and it knows nothing of the bridge's VLANs.
 */
export function decodeVlans(body: DataView): readonly [index: number, LinkVlans] | undefined {
  const index = body.getInt32(INDEX_AT, true);
  const spec = findAttribute(body, HEADER_LENGTH, IFLA_AF_SPEC);
  if (spec !== undefined && findAttribute(spec, 0, IFLA_BRIDGE_FLAGS) !== undefined) {
    return undefined;
  }
  const vlans: VlanRange[] = [];
  const untagged: VlanRange[] = [];
  let begin: number | undefined;
  for (const info of spec === undefined ? [] : attributesOf(spec, 0, IFLA_BRIDGE_VLAN_INFO)) {
    if (info.byteLength < 4) continue;
    const flags = info.getUint16(0, true);
    const vlan = info.getUint16(2, true);
    if ((flags & BRIDGE_VLAN_INFO_RANGE_BEGIN) !== 0) {
      begin = vlan;
      continue;
    }
    const range = [begin ?? vlan, vlan] as const;
    vlans.push(range);
    if ((flags & BRIDGE_VLAN_INFO_UNTAGGED) !== 0) untagged.push(range);
    begin = undefined;
  }
  return [index, { vlans, untagged }];
}

/** @param isOnlyOne true if untagged frames of the port are of this VLAN. */
export function vlanAddition(member: VlanMember, isOnlyOne: boolean): Uint8Array {
  const flags = isOnlyOne ? BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED : 0;
  return message(RTM_SETLINK, NLM_F_ACK, bridgeHeader(member.index), vlanSpec(member, flags));
}

/** @param last the last VLAN that is removed, if it is not the only one. */
export function vlanRemoval(member: VlanMember, last = member.vlan): Uint8Array {
  const { index, vlan } = member;
  const spec =
    last === vlan
      ? vlanSpec(member, 0)
      : vlanSpec(member, BRIDGE_VLAN_INFO_RANGE_BEGIN, vlanInfo(last, BRIDGE_VLAN_INFO_RANGE_END));
  return message(RTM_DELLINK, NLM_F_ACK, bridgeHeader(index), spec);
}

function vlanSpec({ vlan, self }: VlanMember, flags: number, end?: Uint8Array): Uint8Array {
  return attribute(
    IFLA_AF_SPEC,
    number(2, IFLA_BRIDGE_FLAGS, self ? BRIDGE_FLAGS_SELF : BRIDGE_FLAGS_MASTER),
    vlanInfo(vlan, flags),
    ...(end === undefined ? [] : [end]),
  );
}

function vlanInfo(vlan: number, flags: number): Uint8Array {
  const info = new DataView(new ArrayBuffer(4));
  info.setUint16(0, flags, true);
  info.setUint16(2, vlan, true);
  return attribute(IFLA_BRIDGE_VLAN_INFO, new Uint8Array(info.buffer));
}

/** Without this family RTM_DELLINK would remove the link itself. */
function bridgeHeader(index: number): Uint8Array {
  const header = linkHeader({ index });
  header[0] = AF_BRIDGE;
  return header;
}
