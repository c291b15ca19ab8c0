/**
 * Finds the links of this host that carry a segment, from the parent to the bridge, and says what
 * is wrong with them. A link is identified by its index, its kind and its lower link. Pure.
 */
import type { Host, HostLink } from '../host.ts';
import type { NetworkOptions } from '../options/options.ts';
import { STAYS_IN_HOST } from '../vocabulary/link-kinds.ts';
import { segmentOf, type NetworkRecord } from './records.ts';

type Chain = Pick<NetworkOptions, 'parent' | 'vlan'> & {
  readonly bridge?: string | undefined;
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
  const parent = chain.vlan === undefined ? named : (linkAt(links, uplink?.lower) ?? named);
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
    troubles.push(
      `parent link ${parent.name} has no carrier; look at its cable and its switch port`,
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
    troubles.push(
      `${uplink.name} is not a port of bridge ${bridge.name}; make it one with: ip link set ${uplink.name} master ${bridge.name}`,
    );
  }
  return troubles;
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
 * Finds the link that carries the segment. The kernel has one 802.1Q link for each parent and VLAN.
 * If the parent was renamed, our own link still leads to it.
 */
export function uplinkOf(
  links: readonly HostLink[],
  { vlan }: Chain,
  parent: HostLink | undefined,
  lastName: string | undefined,
): HostLink | undefined {
  if (vlan === undefined) return parent;
  const isRight = (link: HostLink) => link.vlan?.id === vlan && link.vlan.protocol === '802.1Q';
  if (parent !== undefined) {
    return links.find((link) => isRight(link) && link.lower === parent.index);
  }
  const known = lastName === undefined ? undefined : linkNamed(links, lastName);
  return known?.mark === 'vlan' && isRight(known) ? known : undefined;
}

/**
 * Finds the link that carries the segment: the 802.1Q link of that parent and id, or the parent.
 */
export function segmentLink(
  links: readonly HostLink[],
  chain: Pick<NetworkOptions, 'parent' | 'vlan'>,
): HostLink | undefined {
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
  return linkAt(links, uplinkOf(links, options, named, vlanLink)?.lower)?.name ?? options.parent;
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
