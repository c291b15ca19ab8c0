/**
 * Makes names, MAC addresses and ownership marks of links, as text. Nothing here asks the kernel.
 *
 * The mark is the link's alias (`ip link show` prints it). It says that the link is ours, and its
 * use:
 *   vlandhcp vlan                      a VLAN link of ours
 *   vlandhcp vlan outer                a link of ours for the first of two tags
 *   vlandhcp vlan joined               a VLAN link for the moment; its bridge is in the VLAN for it
 *   vlandhcp bridge for <uplink>       a bridge of ours and the link that connects it to the LAN
 *   vlandhcp endpoint                  the host's end of a container's veth pair
 *   vlandhcp endpoint <first name>     a container's macvlan or ipvlan link
 *   vlandhcp host <first name>         the host's own link to the containers of a network
 * Links of an uplink have aliases that vocabulary/uplink-alias.ts makes and reads.
 */
import { createHash } from 'node:crypto';

import { LINK_NAME_MAX_LENGTH } from '../../vocabulary/link-name.ts';
import type { Vlan, VlanTag } from '../../vocabulary/vlan-tags.ts';
import { macFromBytes } from '../../wire/address.ts';
import type { Mac } from '../../wire/address.ts';

const MARK = 'vlandhcp';

/**
 * Returns the name for a VLAN link: `<parent>.<vlan>`. If that is too long: `vlan<vlan>.<hash>`, or
 * `v<vlan>.<hash>` with two tags.
 */
export function vlanLinkName(parent: string, vlan: Vlan): string {
  return shortened(parent, `${vlan}`, typeof vlan === 'number' ? 'vlan' : 'v');
}

/**
 * Returns the name for the link of the first of two tags: `<parent>.<vid>ad`. The kernel can have
 * an 802.1Q link of that id, too. With an outer 802.1Q tag it is that link.
 */
export function outerLinkName(parent: string, { protocol, id }: VlanTag): string {
  return protocol === '802.1Q' ? vlanLinkName(parent, id) : shortened(parent, `${id}ad`, 'vlan');
}

function shortened(parent: string, tags: string, start: string): string {
  const name = `${parent}.${tags}`;
  if (name.length <= LINK_NAME_MAX_LENGTH) return name;
  return `${start}${tags}.${digest(parent).toString('hex')}`.slice(0, LINK_NAME_MAX_LENGTH);
}

export const VLAN_MARK = `${MARK} vlan`;
export const OUTER_MARK = `${VLAN_MARK} outer`;
/** Whoever removes a link with this mark takes the bridge below it out of the VLAN. */
export const JOINED_MARK = `${VLAN_MARK} joined`;
export const ENDPOINT_MARK = `${MARK} endpoint`;

/** True for the mark of a VLAN link of any kind. */
export function isVlanMark(alias: string | undefined): boolean {
  return alias === VLAN_MARK || alias?.startsWith(`${VLAN_MARK} `) === true;
}

/** True for the mark of a container's link of any kind. */
export function isEndpointMark(alias: string | undefined): boolean {
  return alias === ENDPOINT_MARK || alias?.startsWith(upperMark('')) === true;
}

/** The mark of a container's link without an end in the host: with its first name. */
export function upperMark(containerEnd: string): string {
  return `${ENDPOINT_MARK} ${containerEnd}`;
}

/** The beginning of the mark of the host's own link to the containers of a network. */
export const HOST_MARK = `${MARK} host `;

/** @param name its first name. */
export function hostMark(name: string): string {
  return `${HOST_MARK}${name}`;
}

/** The beginning of a bridge's mark. */
const BRIDGE_MARK = `${MARK} bridge for `;

/**
 * A link that exists for a moment, to find out what a link carries. `oneNetworkAtATime` guarantees
 * that there is only one.
 */
export const PROBE_LINK = 'vdhprobe';

/**
 * The group of links that are made and not yet marked. No other link is in it. The number spells
 * "vlan".
 */
export const UNFINISHED_GROUP = 0x766c616e;

/** @param uplink the VLAN link. For an untagged network: the parent. */
export function bridgeMark(uplink: string): string {
  return `${BRIDGE_MARK}${uplink}`;
}

export function isBridgeMark(alias: string | undefined): boolean {
  return alias?.startsWith(bridgeMark('')) === true;
}

export type MarkKind = 'vlan' | 'bridge' | 'endpoint' | 'host';

/** The kind of our link, by its mark. Undefined if the link is not ours. */
export function kindOfMark(alias: string | undefined): MarkKind | undefined {
  if (isVlanMark(alias)) return 'vlan';
  if (isEndpointMark(alias)) return 'endpoint';
  if (alias?.startsWith(HOST_MARK) === true) return 'host';
  return alias?.startsWith(BRIDGE_MARK) === true ? 'bridge' : undefined;
}

/** True if the alias says that the link is one of ours. */
export function isMarked(alias: string | undefined): boolean {
  return alias === MARK || alias?.startsWith(`${MARK} `) === true;
}

/**
 * Returns the MAC of a bridge. The same bridge on the same host always has the same MAC. Other
 * hosts of that VLAN have other MACs, because the parent's MAC is part of it.
 */
export function bridgeMac(bridge: string, parent: string, parentMac: Mac | undefined): Mac {
  return localMac(0x02, `bridge ${bridge} ${parent} ${parentMac ?? ''}`);
}

/** Returns the MAC of the host's end of a veth pair. Nothing ever sends from it. */
export function hostEndMac(hostEnd: string, containerMac: Mac): Mac {
  return localMac(0xfe, `host end ${hostEnd} ${containerMac}`);
}

/** @param first the first octet: locally administered, not a group address. */
function localMac(first: number, seed: string): Mac {
  return macFromBytes(Uint8Array.of(first, ...digest(seed).subarray(0, 5)));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
