/**
 * The VLAN tags of a segment. `Vlan` is one value, so segments are compared with `===` and stored
 * as they are: `500` has one 802.1Q tag, `10.500` and `10q.500` have two. `tagsOf` lists them.
 */

export interface VlanTag {
  readonly protocol: TagProtocol;
  /** 1–4094. */
  readonly id: number;
}

export type TagProtocol = '802.1Q' | '802.1ad';

/** As a user types it after `outer=`. The first one is the default. */
export const OUTER_TAGS = ['802.1ad', '802.1q'] as const;

/** The outer and the inner id. `q` says that the outer tag is 802.1Q, not 802.1ad. */
export type StackedVlan = `${number}.${number}` | `${number}q.${number}`;

export type Vlan = number | StackedVlan;

/** A parent and its tags. If `vlan` is undefined: the parent's untagged traffic. */
export interface Segment {
  readonly parent: string;
  readonly vlan: Vlan | undefined;
}

const ID_MAX = 4094;

/** @param text `500` or `10.500`. @param outer as typed; undefined: the default. */
export function parseVlan(text: string, outer: string | undefined): Vlan | undefined {
  const ids = text.split('.');
  if (!ids.every((id) => /^\d+$/.test(id) && Number(id) >= 1 && Number(id) <= ID_MAX)) {
    return undefined;
  }
  const [first = 0, second, ...more] = ids.map(Number);
  if (more.length > 0) return undefined;
  if (second === undefined) return first;
  return outer === '802.1q' ? `${first}q.${second}` : `${first}.${second}`;
}

export function isStackedVlan(value: unknown): value is StackedVlan {
  if (typeof value !== 'string') return false;
  const { vlan = '', outer } = typedVlan(value as StackedVlan);
  return vlan.includes('.') && parseVlan(vlan, outer) === value;
}

export function isVlan(value: unknown): value is Vlan {
  const isId = typeof value === 'number' && Number.isInteger(value);
  return isId ? value >= 1 && value <= ID_MAX : isStackedVlan(value);
}

/** What a user types for it. */
export function typedVlan(vlan: Vlan): { readonly vlan: string; readonly outer?: string } {
  const text = String(vlan);
  return text.includes('q') ? { vlan: text.replace('q', ''), outer: '802.1q' } : { vlan: text };
}

/** The outermost tag comes first. A segment without a VLAN has none. */
export function tagsOf(vlan: Vlan | undefined): readonly VlanTag[] {
  if (vlan === undefined) return [];
  const outer = outerTagOf(vlan);
  const inner = Number(String(vlan).split('.').at(-1));
  return [...(outer === undefined ? [] : [outer]), { protocol: '802.1Q', id: inner }];
}

/** Undefined unless there are two tags. */
export function outerTagOf(vlan: Vlan | undefined): VlanTag | undefined {
  if (typeof vlan !== 'string') return undefined;
  const protocol = vlan.includes('q') ? '802.1Q' : '802.1ad';
  return { protocol, id: Number.parseInt(vlan, 10) };
}

export function isTag(tag: VlanTag, other: { id: number; protocol: string } | undefined): boolean {
  return other?.id === tag.id && other.protocol === tag.protocol;
}

/** `500`, `10.500`, `10.500 (outer tag 802.1Q)`: for errors and logs. */
export function vlanLabel(vlan: Vlan): string {
  const { vlan: text, outer } = typedVlan(vlan);
  return outer === undefined ? text : `${text} (outer tag 802.1Q)`;
}

/** The bytes that a second tag takes from the frames of a parent: cards leave room for one tag. */
const TAG_LENGTH = 4;

/** @returns the MTU of the link with the last tag, on a link with that MTU. */
export function mtuBehindTags(vlan: Vlan | undefined, mtu: number): number {
  return outerTagOf(vlan) === undefined ? mtu : mtu - TAG_LENGTH;
}

/** VLAN ids from the first to the last one. */
export type VlanRange = readonly [first: number, last: number];

/** True if one of the ranges has that tag. @param ranges undefined: of a link without VLANs. */
export function isInRanges(ranges: readonly VlanRange[] | undefined, vlan: Vlan | undefined) {
  return ranges?.some(([first, last]) => first <= Number(vlan) && Number(vlan) <= last) ?? false;
}
