/**
 * The aliases of links of an uplink (U10). They are all that the plugin knows of it: what the trunk
 * of `uplink0` carries, since when the hub is silent, and which ports of a bridge lead to members.
 *
 *   vlandhcp tunnel                                   a WireGuard link
 *   vlandhcp uplink hq vlans 500,600-610              the trunk of a member
 *   vlandhcp uplink hq vlans 500 down since 2026-11-28T14:02:00Z
 *   vlandhcp member laptop                            a link of the hub to that member
 */
import { isInRanges, tagsOf, type Vlan, type VlanRange } from './vlan-tags.ts';

export const TUNNEL_MARK = 'vlandhcp tunnel';
const MEMBER = 'vlandhcp member ';
/** IFALIASZ of Linux is 256, and a zero byte ends the text. */
const LONGEST = 255;

export interface UplinkAlias {
  readonly site: string;
  /** As in the alias. Undefined if the list was too long for it. */
  readonly vlans: string | undefined;
  /** An instant of ISO 8601. Undefined while the hub answers. */
  readonly downSince: string | undefined;
}

/** @param vlans the list as text. A list that is too long for the kernel is left out. */
export function formatUplinkAlias({ site, vlans, downSince }: UplinkAlias): string {
  const down = downSince === undefined ? '' : ` down since ${downSince}`;
  const full = `vlandhcp uplink ${site} vlans ${vlans}${down}`;
  return vlans === undefined || full.length > LONGEST ? `vlandhcp uplink ${site}${down}` : full;
}

/** Undefined if it is another alias. */
export function parseUplinkAlias(alias: string | undefined): UplinkAlias | undefined {
  const found = /^vlandhcp uplink (\S+)(?: vlans ([\d,-]+))?(?: down since (\S+))?$/.exec(
    alias ?? '',
  );
  const [, site, vlans, downSince] = found ?? [];
  return site === undefined ? undefined : { site, vlans, downSince };
}

/**
 * True if the trunk carries the outermost tag, and if the alias does not say what it carries. It
 * carries 802.1Q tags.
 */
export function isCarried({ vlans }: UplinkAlias, vlan: Vlan | undefined): boolean {
  const [tag] = tagsOf(vlan);
  if (tag?.protocol !== '802.1Q') return false;
  return vlans === undefined || isInRanges(vlans.split(',').map(rangeOf), tag.id);
}

function rangeOf(text: string): VlanRange {
  const [first = 0, last = first] = text.split('-').map(Number);
  return [first, last];
}

export function memberMark(name: string): string {
  return `${MEMBER}${name}`;
}

/** True for the hub's links to members. */
export function isMemberMark(alias: string | undefined): boolean {
  return alias?.startsWith(MEMBER) === true;
}
