/** Encodes the requests of rtnetlink(7) that make links. Bytes only. */
import { macToBytes, type Mac } from '../../wire/address.ts';
import {
  IFLA_ADDRESS,
  IFLA_GROUP,
  IFLA_IFNAME,
  IFLA_INFO_DATA,
  IFLA_INFO_KIND,
  IFLA_LINK,
  IFLA_LINKINFO,
  IFLA_MTU,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_EXCL,
  RTM_NEWLINK,
  linkHeader,
} from './link-messages.ts';
import { attribute, joined, message, number, text } from './netlink-messages.ts';

export interface NewLink {
  readonly name: string;
  readonly mac: Mac;
  readonly mtu: number;
  /** The group in which the link is made (`ip link show group`). */
  readonly group: number;
}

const VETH_INFO_PEER = 1;
const IFLA_MACVLAN_MODE = 1;
const MACVLAN_MODE = { private: 1, vepa: 2, bridge: 4 } as const;
const IFLA_IPVLAN_MODE = 1;
const IPVLAN_MODE_L2 = 0;
const IFLA_IPVLAN_FLAGS = 2;
const IPVLAN_F_PRIVATE = 1;

/** Makes a veth pair with both ends down. */
export function newVethPair(one: NewLink, other: NewLink): Uint8Array {
  const peer = attribute(VETH_INFO_PEER, linkHeader({}), identity(other));
  return message(
    RTM_NEWLINK,
    NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
    linkHeader({}),
    identity(one),
    attribute(IFLA_LINKINFO, text(IFLA_INFO_KIND, 'veth'), attribute(IFLA_INFO_DATA, peer)),
  );
}

export type UpperKind =
  | { readonly kind: 'macvlan'; readonly mode: keyof typeof MACVLAN_MODE }
  | { readonly kind: 'ipvlan'; readonly isIsolated?: boolean };

/**
 * Makes a link on top of another one, down.
 * @param link.mac undefined: the MAC of the link below.
 * @param lower the index of the link below.
 */
export function newUpperLink(
  link: Omit<NewLink, 'mac'> & { readonly mac: Mac | undefined },
  lower: number,
  upper: UpperKind,
): Uint8Array {
  const data =
    upper.kind === 'macvlan'
      ? number(4, IFLA_MACVLAN_MODE, MACVLAN_MODE[upper.mode])
      : joined([
          number(2, IFLA_IPVLAN_MODE, IPVLAN_MODE_L2),
          number(2, IFLA_IPVLAN_FLAGS, upper.isIsolated === true ? IPVLAN_F_PRIVATE : 0),
        ]);
  return message(
    RTM_NEWLINK,
    NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
    linkHeader({}),
    identity(link),
    number(4, IFLA_LINK, lower),
    attribute(IFLA_LINKINFO, text(IFLA_INFO_KIND, upper.kind), attribute(IFLA_INFO_DATA, data)),
  );
}

function identity({
  name,
  mac,
  mtu,
  group,
}: Omit<NewLink, 'mac'> & { readonly mac: Mac | undefined }): Uint8Array {
  return joined([
    text(IFLA_IFNAME, name),
    ...(mac === undefined ? [] : [attribute(IFLA_ADDRESS, macToBytes(mac))]),
    number(4, IFLA_MTU, mtu),
    number(4, IFLA_GROUP, group),
  ]);
}
