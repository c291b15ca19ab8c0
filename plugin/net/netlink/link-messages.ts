/**
 * Encodes and decodes messages of rtnetlink(7) about links: requests, answers and news. Bytes only.
 *
 *   struct ifinfomsg  0 family  2 type (2)  4 index (4)  8 flags (4)  12 change (4)
 *   its attributes: IFLA_*, IFLA_INFO_*, IFLA_BRPORT_*, IFLA_VLAN_* (linux/if_link.h)
 */
import type { TagProtocol, VlanRange } from '../../vocabulary/vlan-tags.ts';
import { macFromBytes, type Mac } from '../../wire/address.ts';
import { kindOfMark, type MarkKind } from '../links/link-names.ts';
import { IFF_UP } from './interface-request.ts';
import {
  attribute,
  bytesOf,
  findAttribute,
  HEADER_LENGTH,
  message,
  number,
  text,
  textIn,
} from './netlink-messages.ts';

export interface TableLink {
  readonly name: string;
  /** Alternative names (`ip link property`). */
  readonly altNames: readonly string[];
  readonly index: number;
  readonly kind: string | undefined;
  readonly mac: Mac | undefined;
  readonly mtu: number;
  readonly isUp: boolean;
  readonly hasCarrier: boolean;
  /** Index of the bridge, bond or VRF that it is a port of. */
  readonly master: number | undefined;
  /** Index of the link below it, if that is in this namespace. */
  readonly lower: number | undefined;
  readonly vlan: { readonly id: number; readonly protocol: TagProtocol | 'other' } | undefined;
  /** The kind of our link according to its mark. Undefined if the link is not ours. */
  readonly mark: MarkKind | undefined;
  /** Only of a bridge that tells frames apart by 802.1Q tags. `defaultPvid` is 0 if it has none. */
  readonly vlanFilter?: { readonly defaultPvid: number };
  /** Only in the table of all links: see `readLinkTable`. */
  readonly vlans?: readonly VlanRange[];
  /** Those of `vlans` whose frames leave there without a tag. */
  readonly untagged?: readonly VlanRange[];
}

export interface FoundLink {
  readonly index: number;
  readonly alias: string | undefined;
}

/** A change of a link. A field that is undefined changes nothing. The link comes up last. */
export interface LinkChange {
  readonly name: string;
  readonly mtu?: number;
  readonly alias?: string;
  readonly group?: number;
  /** Index of the bridge. */
  readonly master?: number;
  /** True if the kernel must make no IPv6 address on it (IN6_ADDR_GEN_MODE_NONE). */
  readonly formsNoAddress?: boolean;
  /** True if the port of a bridge does not reach other isolated ports. Needs a master. */
  readonly isIsolated?: boolean;
  readonly isUp?: boolean;
}

const AF_INET6 = 10;
export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_GETLINK = 18;
export const RTM_SETLINK = 19;
export const NLM_F_ACK = 4;
export const NLM_F_EXCL = 0x200;
export const NLM_F_DUMP = 0x300;
export const NLM_F_CREATE = 0x400;
const IFF_LOWER_UP = 0x10000;
export const IFLA_ADDRESS = 1;
export const IFLA_IFNAME = 3;
export const IFLA_MTU = 4;
export const IFLA_LINK = 5;
const IFLA_MASTER = 10;
const IFLA_OPERSTATE = 16;
export const IFLA_LINKINFO = 18;
const IFLA_IFALIAS = 20;
export const IFLA_AF_SPEC = 26;
export const IFLA_GROUP = 27;
const IFLA_NET_NS_FD = 28;
export const IFLA_EXT_MASK = 29;
const IFLA_LINK_NETNSID = 37;
const IFLA_PROP_LIST = 52;
const IFLA_ALT_IFNAME = 53;
export const IFLA_INFO_KIND = 1;
export const IFLA_INFO_DATA = 2;
const IFLA_INFO_SLAVE_KIND = 4;
const IFLA_INFO_SLAVE_DATA = 5;
const IFLA_BRPORT_STATE = 1;
const IFLA_BRPORT_ISOLATED = 33;
const IFLA_BR_VLAN_FILTERING = 7;
const IFLA_BR_VLAN_PROTOCOL = 8;
const IFLA_BR_VLAN_DEFAULT_PVID = 39;
const IFLA_VLAN_ID = 1;
const IFLA_VLAN_PROTOCOL = 5;
const IFLA_INET6_ADDR_GEN_MODE = 8;
const IN6_ADDR_GEN_MODE_NONE = 1;
const IF_OPER_UNKNOWN = 0;
const IF_OPER_UP = 6;
const BR_STATE_FORWARDING = 3;
const RTEXT_FILTER_SKIP_STATS = 8;
/** By their types in a frame. */
const TAG_PROTOCOLS: ReadonlyMap<number, TagProtocol> = new Map([
  [0x8100, '802.1Q'],
  [0x88a8, '802.1ad'],
]);

const INDEX_AT = 4;
const FLAGS_AT = 8;
/** Of struct ifinfomsg. */
export const LINK_LENGTH = 16;

/** Asks for all links. */
export function aboutAllLinks(): Uint8Array {
  const mask = number(4, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  return message(RTM_GETLINK, NLM_F_DUMP, linkHeader({}), mask);
}

/** Asks for one link, by its name or its index. */
export function aboutLink(link: string | number): Uint8Array {
  return typeof link === 'number'
    ? message(RTM_GETLINK, 0, linkHeader({ index: link }))
    : message(RTM_GETLINK, 0, linkHeader({}), text(IFLA_IFNAME, link));
}

/** Returns the requests for a change, in their order. */
export function linkChange(change: LinkChange): readonly Uint8Array[] {
  const { name, mtu, alias, group, master, formsNoAddress, isIsolated, isUp } = change;
  const set = (header: Uint8Array, ...attributes: readonly Uint8Array[]) =>
    message(RTM_SETLINK, NLM_F_ACK, header, text(IFLA_IFNAME, name), ...attributes);
  const mode = number(1, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
  const before = [
    ...(mtu === undefined ? [] : [number(4, IFLA_MTU, mtu)]),
    ...(alias === undefined ? [] : [text(IFLA_IFALIAS, alias)]),
    ...(group === undefined ? [] : [number(4, IFLA_GROUP, group)]),
    ...(master === undefined ? [] : [number(4, IFLA_MASTER, master)]),
    ...(formsNoAddress === true ? [attribute(IFLA_AF_SPEC, attribute(AF_INET6, mode))] : []),
  ];
  return [
    ...(before.length === 0 ? [] : [set(linkHeader({}), ...before)]),
    ...(isIsolated === undefined ? [] : [isolation(name, isIsolated)]),
    // A message of its own, because within one message the kernel brings a link up before it reads
    // IFLA_AF_SPEC.
    ...(isUp === undefined ? [] : [set(linkHeader({ isUp }))]),
  ];
}

/** RTM_SETLINK does not look at what is said of a port. */
function isolation(name: string, isIsolated: boolean): Uint8Array {
  const data = number(1, IFLA_BRPORT_ISOLATED, Number(isIsolated));
  return message(
    RTM_NEWLINK,
    NLM_F_ACK,
    linkHeader({}),
    text(IFLA_IFNAME, name),
    attribute(
      IFLA_LINKINFO,
      text(IFLA_INFO_SLAVE_KIND, 'bridge'),
      attribute(IFLA_INFO_SLAVE_DATA, data),
    ),
  );
}

export function mtuOfLink(index: number, mtu: number): Uint8Array {
  return message(RTM_SETLINK, NLM_F_ACK, linkHeader({ index }), number(4, IFLA_MTU, mtu));
}

export function nameOfLink(index: number, name: string): Uint8Array {
  return message(RTM_SETLINK, NLM_F_ACK, linkHeader({ index }), text(IFLA_IFNAME, name));
}

/** Moves the link into another namespace, with a new name. @param namespace a descriptor of it. */
export function linkMove(index: number, namespace: number, name: string): Uint8Array {
  return message(
    RTM_SETLINK,
    NLM_F_ACK,
    linkHeader({ index }),
    number(4, IFLA_NET_NS_FD, namespace),
    text(IFLA_IFNAME, name),
  );
}

export function linkUpOrDown(index: number, isUp: boolean): Uint8Array {
  return message(RTM_SETLINK, NLM_F_ACK, linkHeader({ index, isUp }));
}

export function linkRemoval(index: number): Uint8Array {
  return message(RTM_DELLINK, NLM_F_ACK, linkHeader({ index }));
}

export function linkHeader({ index = 0, isUp }: { index?: number; isUp?: boolean }): Uint8Array {
  const header = new Uint8Array(LINK_LENGTH);
  const view = new DataView(header.buffer);
  view.setInt32(4, index, true);
  view.setUint32(8, isUp === true ? IFF_UP : 0, true);
  view.setUint32(12, isUp === undefined ? 0 : IFF_UP, true);
  return header;
}

/** Returns the body of an answer, without its header. */
export function linkBody(answer: DataView): DataView {
  return new DataView(answer.buffer, answer.byteOffset + HEADER_LENGTH);
}

/**
 * @param body a message of RTM_NEWLINK or RTM_DELLINK without its header. It begins with struct
 * ifinfomsg.
 */
export function decodeLink(body: DataView): TableLink {
  const at = (type: number) => findAttribute(body, LINK_LENGTH, type);
  const flags = body.getUint32(FLAGS_AT, true);
  const info = at(IFLA_LINKINFO);
  const kind = info === undefined ? undefined : textIn(info, 0, IFLA_INFO_KIND);
  const mac = at(IFLA_ADDRESS);
  return {
    name: nameIn(body),
    altNames: alternativeNames(at(IFLA_PROP_LIST)),
    index: body.getInt32(INDEX_AT, true),
    kind,
    mac: mac?.byteLength === 6 ? macFromBytes(bytesOf(mac), 0) : undefined,
    mtu: at(IFLA_MTU)?.getUint32(0, true) ?? 0,
    isUp: (flags & IFF_UP) !== 0,
    hasCarrier: (flags & IFF_LOWER_UP) !== 0,
    master: at(IFLA_MASTER)?.getInt32(0, true),
    lower: at(IFLA_LINK_NETNSID) === undefined ? at(IFLA_LINK)?.getInt32(0, true) : undefined,
    vlan: kind === 'vlan' && info !== undefined ? vlanOf(info) : undefined,
    ...(kind === 'bridge' && info !== undefined ? vlanFilterOf(info) : {}),
    mark: kindOfMark(textIn(body, LINK_LENGTH, IFLA_IFALIAS)),
  };
}

function vlanOf(info: DataView): TableLink['vlan'] {
  const data = findAttribute(info, 0, IFLA_INFO_DATA);
  const id = data && findAttribute(data, 0, IFLA_VLAN_ID);
  if (data === undefined || id === undefined) return undefined;
  const protocol = findAttribute(data, 0, IFLA_VLAN_PROTOCOL)?.getUint16(0) ?? 0;
  return { id: id.getUint16(0, true), protocol: TAG_PROTOCOLS.get(protocol) ?? 'other' };
}

function vlanFilterOf(info: DataView): Pick<TableLink, 'vlanFilter'> {
  const data = findAttribute(info, 0, IFLA_INFO_DATA);
  if (data === undefined) return {};
  const isOn = findAttribute(data, 0, IFLA_BR_VLAN_FILTERING)?.getUint8(0) === 1;
  const protocol = findAttribute(data, 0, IFLA_BR_VLAN_PROTOCOL)?.getUint16(0) ?? 0;
  if (!isOn || TAG_PROTOCOLS.get(protocol) !== '802.1Q') return {};
  const pvid = findAttribute(data, 0, IFLA_BR_VLAN_DEFAULT_PVID)?.getUint16(0, true) ?? 0;
  return { vlanFilter: { defaultPvid: pvid } };
}

function alternativeNames(list: DataView | undefined): readonly string[] {
  const names: string[] = [];
  for (let at = 0; list !== undefined && at + 4 <= list.byteLength;) {
    const length = list.getUint16(at, true);
    if (length < 4) break;
    const name = textIn(list, at, IFLA_ALT_IFNAME);
    if (name !== undefined && !names.includes(name)) names.push(name);
    at += Math.ceil(length / 4) * 4;
  }
  return names;
}

export function nameIn(body: DataView): string {
  return textIn(body, LINK_LENGTH, IFLA_IFNAME) ?? '';
}

export function aliasOf(body: DataView): string | undefined {
  return textIn(body, LINK_LENGTH, IFLA_IFALIAS);
}

export function groupOf(body: DataView): number {
  return findAttribute(body, LINK_LENGTH, IFLA_GROUP)?.getUint32(0, true) ?? 0;
}

/**
 * False until the kernel has handled the carrier. Until then the state of the link is unknown, and
 * its queue drops everything. The state of an ipvlan link stays unknown. It works once it is up.
 */
export function isActive(body: DataView): boolean {
  const state = findAttribute(body, LINK_LENGTH, IFLA_OPERSTATE)?.getUint8(0);
  if (state !== IF_OPER_UNKNOWN) return state === IF_OPER_UP;
  return decodeLink(body).kind === 'ipvlan';
}

/** True if the link forwards as a port of a bridge, and if it is no port of a bridge. */
export function forwards(body: DataView): boolean {
  const info = findAttribute(body, LINK_LENGTH, IFLA_LINKINFO);
  if (info === undefined) return true;
  if (textIn(info, 0, IFLA_INFO_SLAVE_KIND) !== 'bridge') return true;
  const port = findAttribute(info, 0, IFLA_INFO_SLAVE_DATA);
  const state = port === undefined ? undefined : findAttribute(port, 0, IFLA_BRPORT_STATE);
  return state?.getUint8(0) === BR_STATE_FORWARDING;
}
