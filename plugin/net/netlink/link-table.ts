/**
 * All links of this namespace, or some by name, by rtnetlink(7) at once and without a process. A link is known by its
 * index, its kind and what it lies on; names are what it is called at the moment.
 */
import type { Mac } from '../../wire/address.ts';
import { macFromBytes } from '../../wire/address.ts';
import { IFF_UP } from './interface-request.ts';
import { BRIDGE_MARK, ENDPOINT_MARK, VLAN_MARK } from '../links/link-names.ts';
import { findAttribute, message, number, textIn } from './netlink-messages.ts';
import { askNetlinkForAll } from './rtnetlink.ts';

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
  /** Index of what it lies on, if that is in this namespace. */
  readonly lower: number | undefined;
  readonly vlan: { readonly id: number; readonly protocol: '802.1Q' | 'other' } | undefined;
  /** What its mark says that it is; undefined: not one of ours. */
  readonly mark: 'vlan' | 'bridge' | 'endpoint' | undefined;
}

const RTM_GETLINK = 18;
const NLM_F_DUMP = 0x300;
const IFF_LOWER_UP = 0x10000;
const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINK = 5;
const IFLA_MASTER = 10;
const IFLA_LINKINFO = 18;
const IFLA_IFALIAS = 20;
const IFLA_EXT_MASK = 29;
const IFLA_LINK_NETNSID = 37;
const IFLA_PROP_LIST = 52;
const IFLA_ALT_IFNAME = 53;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_VLAN_ID = 1;
const IFLA_VLAN_PROTOCOL = 5;
const ETHERTYPE_8021Q = 0x8100;
const RTEXT_FILTER_SKIP_STATS = 8;
/** struct ifinfomsg. */
const INDEX_AT = 4;
const FLAGS_AT = 8;
const ATTRIBUTES_AT = 16;

/** @throws SystemCallError */
export async function readLinkTable(): Promise<readonly TableLink[]> {
  const request = message(
    RTM_GETLINK,
    NLM_F_DUMP,
    new Uint8Array(ATTRIBUTES_AT),
    number(4, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS),
  );
  return (await askNetlinkForAll(request, 'reading all links')).map(decodeLink);
}

/** @param body a message of RTM_NEWLINK or RTM_DELLINK from its struct ifinfomsg on. */
export function decodeLink(body: DataView): TableLink {
  const at = (type: number) => findAttribute(body, ATTRIBUTES_AT, type);
  const flags = body.getUint32(FLAGS_AT, true);
  const info = at(IFLA_LINKINFO);
  const kind = info === undefined ? undefined : textIn(info, 0, IFLA_INFO_KIND);
  const mac = at(IFLA_ADDRESS);
  return {
    name: textIn(body, ATTRIBUTES_AT, IFLA_IFNAME) ?? '',
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
    mark: markOf(textIn(body, ATTRIBUTES_AT, IFLA_IFALIAS)),
  };
}

function vlanOf(info: DataView): TableLink['vlan'] {
  const data = findAttribute(info, 0, IFLA_INFO_DATA);
  const id = data && findAttribute(data, 0, IFLA_VLAN_ID);
  if (data === undefined || id === undefined) return undefined;
  const protocol = findAttribute(data, 0, IFLA_VLAN_PROTOCOL)?.getUint16(0);
  return {
    id: id.getUint16(0, true),
    protocol: protocol === ETHERTYPE_8021Q ? '802.1Q' : 'other',
  };
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

function markOf(alias: string | undefined): TableLink['mark'] {
  if (alias === VLAN_MARK) return 'vlan';
  if (alias === ENDPOINT_MARK) return 'endpoint';
  return alias?.startsWith(BRIDGE_MARK) === true ? 'bridge' : undefined;
}

function bytesOf(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}
