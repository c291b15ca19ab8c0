/**
 * Finds the links of this host that carry a segment, from the parent to the bridge, and says what
 * is wrong with them. A link is identified by its index, its kind and its lower link. Pure.
 */
import type { Host, HostLink } from '../host.ts';
import type { AttachmentMode } from '../vocabulary/attachment.ts';
import { STAYS_IN_HOST } from '../vocabulary/link-kinds.ts';
import { notFiltering, notItsPort, takesFirst } from '../vocabulary/vlan-bridge-faults.ts';
import {
  isInRanges,
  isTag,
  outerTagOf,
  tagsOf,
  type Segment,
  type VlanTag,
} from '../vocabulary/vlan-tags.ts';
import { segmentOf, type NetworkRecord } from './records.ts';

type Chain = Segment & {
  readonly bridge?: string | undefined;
  readonly mode?: AttachmentMode;
  /** The port of the parent that leads to the trunk, if the parent is a bridge that filters. */
  readonly uplink?: string | undefined;
};

/**
 * Returns what separates a container from its VLAN on this host. Each fault is a sentence. The
 * fault farthest from the container comes first.
 * @param chain without `bridge`: only up to the VLAN link, for another network driver.
 */
export function chainTroubles(links: readonly HostLink[], chain: Chain): readonly string[] {
  if (links.length === 0) return []; // nothing is known
  const named = linkNamed(links, chain.parent);
  const uplink = uplinkOf(links, chain, named, undefined);
  const parent = parentBelow(links, chain, uplink) ?? named;
  if (parent === undefined) {
    return [
      `parent link ${chain.parent} is not there; plug it in, or bring back its driver or bond`,
    ];
  }
  const troubles: string[] = [];
  if (!parent.isUp) {
    troubles.push(
      `parent link ${parent.name} is down; bring it up with: ip link set ${parent.name} up`,
    );
  } else if (!parent.hasCarrier) {
    // An uplink is a VXLAN. It has no cable.
    const where =
      parent.kind === 'vxlan'
        ? 'type: vlandhcp uplink status'
        : 'look at its cable and its switch port';
    troubles.push(`parent link ${parent.name} has no carrier; ${where}`);
  }
  troubles.push(...uplinkTroubles(links, chain, parent));
  const outer = outerLinkOf(links, chain, parent);
  if (outer?.isUp === false) {
    troubles.push(
      `VLAN link ${outer.name} is down; bring it up with: ip link set ${outer.name} up`,
    );
  }
  if (uplink === undefined) return [...troubles, `there is no link for ${segmentOf(chain)}`];
  if (chain.vlan !== undefined && !uplink.isUp) {
    troubles.push(
      `VLAN link ${uplink.name} is down; bring it up with: ip link set ${uplink.name} up`,
    );
  }
  if (chain.bridge === undefined) return troubles;
  const bridge = linkNamed(links, chain.bridge);
  if (bridge === undefined) return [...troubles, `bridge ${chain.bridge} is not there`];
  if (!bridge.isUp) {
    troubles.push(`bridge ${bridge.name} is down; bring it up with: ip link set ${bridge.name} up`);
  }
  const other = uplink.master === bridge.index ? undefined : otherUplink(links, chain, bridge);
  if (other !== undefined) {
    troubles.push(
      `bridge ${bridge.name} has port ${other.name} and not ${uplink.name}; if ${other.name} was called ${uplink.name} before, give both their names back; else take it out with: ip link set ${other.name} nomaster`,
    );
  } else if (uplink.master !== bridge.index) {
    troubles.push(notItsPort(uplink.name, bridge.name));
  }
  return troubles;
}

/** What separates an operator's bridge that filters VLANs from the trunk. */
function uplinkTroubles(
  links: readonly HostLink[],
  { uplink: name, vlan, mode }: Chain,
  bridge: HostLink,
): readonly string[] {
  if (mode !== 'vlan-bridge') return [];
  if (bridge.vlanFilter === undefined) {
    return [notFiltering(bridge.name)];
  }
  if (name === undefined) return [];
  const port = linkNamed(links, name);
  if (port?.master !== bridge.index) {
    return [notItsPort(name, bridge.name)];
  }
  if (!port.isUp || !port.hasCarrier) {
    return [
      `${name}, the port of bridge ${bridge.name} to the trunk, is down or has no carrier; bring it up with: ip link set ${name} up, and look at its cable and its switch port`,
    ];
  }
  const thief = linkWithTags(links, port, tagsOf(vlan));
  if (thief !== undefined) {
    return [takesFirst(thief.name, port.name, Number(vlan), bridge.name)];
  }
  if (port.vlans === undefined || isInRanges(port.vlans, vlan)) return [];
  return [
    `${name} is not in VLAN ${String(vlan)} of bridge ${bridge.name}; add it with: bridge vlan add dev ${name} vid ${String(vlan)}`,
  ];
}

/**
 * Finds the uplink of our untagged bridge if the link with the parent's name is not its uplink. The
 * parent was then renamed.
 */
function otherUplink(
  links: readonly HostLink[],
  { vlan }: Chain,
  bridge: HostLink,
): HostLink | undefined {
  if (vlan !== undefined || bridge.mark !== 'bridge') return undefined;
  return links.find(
    ({ master, mark, kind }) =>
      master === bridge.index && mark === undefined && !STAYS_IN_HOST.includes(kind),
  );
}

/**
 * Finds the link that carries the segment. The kernel has one link for each link and tag. If the
 * parent was renamed, our own link still leads to it.
 */
export function uplinkOf(
  links: readonly HostLink[],
  chain: Chain,
  parent: HostLink | undefined,
  lastName: string | undefined,
): HostLink | undefined {
  if (parent !== undefined) return linkWithTags(links, parent, tagsOf(chain.vlan));
  if (chain.vlan === undefined) return undefined;
  const known = lastName === undefined ? undefined : linkNamed(links, lastName);
  return known?.mark === 'vlan' && hasTags(links, known, tagsOf(chain.vlan)) ? known : undefined;
}

/** Goes up from the parent, by one link for each tag. */
function linkWithTags(
  links: readonly HostLink[],
  parent: HostLink,
  tags: readonly VlanTag[],
): HostLink | undefined {
  return tags.reduce<HostLink | undefined>(
    (below, tag) =>
      below && links.find(({ lower, vlan }) => lower === below.index && isTag(tag, vlan)),
    parent,
  );
}

function hasTags(links: readonly HostLink[], top: HostLink, tags: readonly VlanTag[]): boolean {
  let link: HostLink | undefined = top;
  for (const tag of [...tags].reverse()) {
    if (!isTag(tag, link?.vlan)) return false;
    link = linkAt(links, link?.lower);
  }
  return true;
}

/** Goes down from the link that carries the segment. Undefined if a link is missing. */
export function parentBelow(
  links: readonly HostLink[],
  { vlan }: Segment,
  uplink: HostLink | undefined,
): HostLink | undefined {
  return tagsOf(vlan).reduce<HostLink | undefined>((link) => linkAt(links, link?.lower), uplink);
}

/** The link of the outer tag. Undefined if it is missing, or if there is only one tag. */
export function outerLinkOf(
  links: readonly HostLink[],
  { vlan }: Segment,
  parent: HostLink | undefined,
): HostLink | undefined {
  const tag = outerTagOf(vlan);
  return tag && parent && linkWithTags(links, parent, [tag]);
}

/** Finds the link that carries the segment: the link with its tags, or the parent. */
export function segmentLink(links: readonly HostLink[], chain: Segment): HostLink | undefined {
  return uplinkOf(links, chain, linkNamed(links, chain.parent), undefined);
}

/**
 * Replaces the parent by its real name. A link has one name and any number of alternative names.
 * Two networks that use different names of it are on one segment.
 */
export function withRealParent<Options extends Readonly<Record<string, unknown>>>(
  options: Options,
  host: Pick<Host, 'realName'>,
): Options {
  const parent = options['parent'];
  return typeof parent === 'string' ? { ...options, parent: host.realName(parent) } : options;
}

/** Returns the parent's present name. */
export function parentNow(
  links: readonly HostLink[],
  { options, vlanLink }: Pick<NetworkRecord, 'options' | 'vlanLink'>,
): string {
  const named = linkNamed(links, options.parent);
  if (named !== undefined) return named.name;
  const uplink = uplinkOf(links, options, named, vlanLink);
  return parentBelow(links, options, uplink)?.name ?? options.parent;
}

interface LinkTable {
  readonly byName: ReadonlyMap<string, HostLink>;
  readonly byIndex: ReadonlyMap<number, HostLink>;
}

/**
 * A table for each list of links. Each list is searched once per port. With thousands of links,
 * plain searches would take seconds.
 */
const tables = new WeakMap<readonly HostLink[], LinkTable>();

function tableOf(links: readonly HostLink[]): LinkTable {
  const known = tables.get(links);
  if (known !== undefined) return known;
  // A name takes precedence over an alternative name. Of two links, the first counts.
  const named = links.flatMap((link) => link.altNames.map((name) => [name, link] as const));
  const table = {
    byName: new Map([...named.reverse(), ...links.map((link) => [link.name, link] as const)]),
    byIndex: new Map(links.map((link) => [link.index, link])),
  };
  tables.set(links, table);
  return table;
}

export function linkNamed(links: readonly HostLink[], name: string): HostLink | undefined {
  return tableOf(links).byName.get(name);
}

export function linkAt(
  links: readonly HostLink[],
  index: number | undefined,
): HostLink | undefined {
  return index === undefined ? undefined : tableOf(links).byIndex.get(index);
}
