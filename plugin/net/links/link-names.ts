/**
 * Names, MAC addresses and ownership marks of links, as text: nothing here asks the kernel.
 *
 * The mark is the link's alias (`ip link show` prints it), which says whose the link is and what for:
 *   vlandhcp vlan                      a VLAN link of ours
 *   vlandhcp bridge for <uplink>       a bridge of ours and the link that connects it to the LAN
 *   vlandhcp endpoint                  the host's end of a container's veth pair
 */
import { createHash } from 'node:crypto';

import { LINK_NAME_MAX_LENGTH } from '../../vocabulary/link-name.ts';
import { macFromBytes } from '../../wire/address.ts';
import type { Mac } from '../../wire/address.ts';

const MARK = 'vlandhcp';

/** The name of a VLAN link we make: `<parent>.<vid>`, or `vlan<vid>.<hash>` if that is too long. */
export function vlanLinkName(parent: string, vid: number): string {
  const name = `${parent}.${vid}`;
  if (name.length <= LINK_NAME_MAX_LENGTH) return name;
  return `vlan${vid}.${digest(parent).toString('hex')}`.slice(0, LINK_NAME_MAX_LENGTH);
}

export const VLAN_MARK = `${MARK} vlan`;
export const ENDPOINT_MARK = `${MARK} endpoint`;
/** The beginning of a bridge's mark. */
export const BRIDGE_MARK = `${MARK} bridge for `;

/** Links that are made and not yet marked are in this group, and no others: "vlan" as a number. */
export const UNFINISHED_GROUP = 0x766c616e;

/** @param uplink the VLAN link, or the parent itself of an untagged network. */
export function bridgeMark(uplink: string): string {
  return `${BRIDGE_MARK}${uplink}`;
}

export function isBridgeMark(alias: string | undefined): boolean {
  return alias?.startsWith(bridgeMark('')) === true;
}

/** True if the alias says that the link is one of ours. */
export function isMarked(alias: string | undefined): boolean {
  return alias === MARK || alias?.startsWith(`${MARK} `) === true;
}

/**
 * A bridge's own MAC: the same for the same bridge on the same host, another one on every other host
 * of that VLAN (the parent's MAC is in it).
 */
export function bridgeMac(bridge: string, parent: string, parentMac: Mac | undefined): Mac {
  return localMac(0x02, `bridge ${bridge} ${parent} ${parentMac ?? ''}`);
}

/** The MAC of the host's end of a veth pair; nothing ever sends from it. */
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
