/**
 * What is wrong with the links of the networks, and what puts it right (D13): the links there are, held against what the
 * records call for. Pure. Existence is not enough: what a link lies on, whose port it is, whether it is up, its MTU.
 *
 * Mended is what is ours: links with our mark, ports that we attached. What is somebody else's is named.
 */
import type { Mac } from '../wire/address.ts';
import type { Host, HostLink } from './host.ts';
import type { NetworkOptions } from './options.ts';
import { segmentOf, type NetworkRecord } from './records.ts';

export interface WiredNetwork {
  readonly network: NetworkRecord;
  readonly ports: readonly WiredPort[];
}

export interface WiredPort {
  readonly endpointId: string;
  readonly hostEnd: string;
  /** Of the host's end: by it a link is known whose name was changed. */
  readonly mac: Mac;
}

/** `seen` says what was wrong, for the log. */
export type Repair = {
  readonly networkId: string;
  readonly link: string;
  readonly seen: string;
} & (
  | { readonly type: 'rename'; readonly index: number; readonly from: string }
  /** VLAN link, bridge, and the one being a port of the other. */
  | { readonly type: 'links' }
  | { readonly type: 'vlan-mtu'; readonly mtu: number }
  /** Of the containers' links. */
  | { readonly type: 'network-mtu'; readonly mtu: number }
  | { readonly type: 'port'; readonly endpointId: string; readonly bridge: string }
);

export interface WiringPlan {
  readonly repairs: readonly Repair[];
  /** What is not ours to mend, by network. */
  readonly troubles: ReadonlyMap<string, readonly string[]>;
}

export function planWiring(
  links: readonly HostLink[],
  networks: readonly WiredNetwork[],
): WiringPlan {
  const troubles = new Map<string, readonly string[]>();
  const called = new Set(networks.flatMap(namesCalledFor));
  const repairs = networks.flatMap((one) => {
    const seen = chainTroubles(links, one.network.options);
    if (seen.length > 0) troubles.set(one.network.id, seen);
    return repairsOf(links, one, called);
  });
  return { repairs, troubles };
}

function namesCalledFor({ network, ports }: WiredNetwork): readonly string[] {
  const { options, vlanLink } = network;
  const ends = ports.map(({ hostEnd }) => hostEnd);
  return vlanLink === undefined ? [options.bridge, ...ends] : [options.bridge, vlanLink, ...ends];
}

type Chain = Pick<NetworkOptions, 'parent' | 'vlan'> & { readonly bridge?: string };

/**
 * What on this host stands between a container and its VLAN, a sentence each; first what lies farthest from the container.
 * @param chain without `bridge`: as far as the VLAN link, where another network driver takes over.
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
  if (uplink.master !== bridge.index) {
    troubles.push(
      `${uplink.name} is not a port of bridge ${bridge.name}; make it one with: ip link set ${uplink.name} master ${bridge.name}`,
    );
  }
  return troubles;
}

/** @param called names that some network calls for: a link of that name is not renamed. */
function repairsOf(
  links: readonly HostLink[],
  { network, ports }: WiredNetwork,
  called: ReadonlySet<string>,
): Repair[] {
  const { options, vlanLink: vlanName } = network;
  const named = linkNamed(links, options.parent);
  const uplink = uplinkOf(links, options, named, vlanName);
  const of = (link: string, seen: string) => ({ networkId: network.id, link, seen });

  const rename = (link: HostLink | undefined, to: string): Repair[] =>
    link === undefined || called.has(link.name) || linkNamed(links, to) !== undefined
      ? []
      : [{ ...of(to, `it was called ${link.name}`), type: 'rename', ...startOf(link) }];

  const renames = [
    ...(uplink?.mark === 'vlan' && vlanName !== undefined ? rename(uplink, vlanName) : []),
    ...rename(bridgeOfOurs(links, uplink, ports), options.bridge),
  ];
  // The chain goes by names: it is looked at again when they are right.
  if (renames.length > 0) return renames;

  const parent = options.vlan === undefined ? named : (linkAt(links, uplink?.lower) ?? named);
  const bridge = linkNamed(links, options.bridge);
  const broken = brokenChain(network, parent, uplink, bridge);
  if (broken !== undefined) return [{ ...of(broken.link, broken.seen), type: 'links' }];

  const repairs: Repair[] = [];
  let mtu = uplink?.mtu;
  if (uplink?.mark === 'vlan' && parent !== undefined && uplink.mtu !== parent.mtu) {
    const seen = `MTU ${uplink.mtu}, and that of ${parent.name} is ${parent.mtu}`;
    repairs.push({ ...of(uplink.name, seen), type: 'vlan-mtu', mtu: parent.mtu });
    mtu = parent.mtu;
  }
  const wanted = mtu === undefined ? network.mtu : Math.min(options.mtu ?? mtu, mtu);
  if (wanted !== network.mtu) {
    const seen = `MTU ${network.mtu} for containers, and that of ${String(uplink?.name)} is ${String(mtu)}`;
    repairs.push({ ...of(options.bridge, seen), type: 'network-mtu', mtu: wanted });
  }
  for (const wired of ports) {
    const { endpointId, hostEnd } = wired;
    const port = linkNamed(links, hostEnd);
    if (port === undefined) repairs.push(...rename(linkOfPort(links, wired), hostEnd));
    if (port === undefined || bridge === undefined) continue;
    if (port.master === bridge.index && port.isUp) continue;
    const seen = port.isUp ? `no port of ${options.bridge}` : 'down';
    repairs.push({ ...of(hostEnd, seen), type: 'port', endpointId, bridge: options.bridge });
  }
  return repairs;
}

function startOf({ index, name }: HostLink): { readonly index: number; readonly from: string } {
  return { index, from: name };
}

/** The first thing that is missing or wrong between parent and bridge, and ours to mend. */
function brokenChain(
  { options, vlanLink, uplinkPort, theirs }: NetworkRecord,
  parent: HostLink | undefined,
  uplink: HostLink | undefined,
  bridge: HostLink | undefined,
): { link: string; seen: string } | undefined {
  // An operator's own is made again by whoever made it; what we attach to it follows then.
  if (bridge === undefined) {
    return theirs?.includes('bridge') === true ? undefined : { link: options.bridge, seen: 'gone' };
  }
  if (uplink === undefined) {
    if (theirs?.includes('vlan-link') === true) return undefined;
    // It is made on a parent that is there and up; until then the trouble is the parent's.
    if (options.vlan === undefined || parent?.isUp !== true) return undefined;
    return { link: vlanLink ?? `VLAN ${options.vlan}`, seen: 'gone' };
  }
  const isOurs = uplink.mark === 'vlan';
  if (uplink.master !== bridge.index && (isOurs || uplinkPort)) {
    return { link: uplink.name, seen: `no port of ${bridge.name}` };
  }
  if (isOurs && !uplink.isUp) return { link: uplink.name, seen: 'down' };
  if (bridge.mark === 'bridge' && !bridge.isUp) return { link: bridge.name, seen: 'down' };
  return undefined;
}

/** The bridge that this network's links are ports of, whatever its name is. */
function bridgeOfOurs(
  links: readonly HostLink[],
  uplink: HostLink | undefined,
  ports: readonly WiredPort[],
): HostLink | undefined {
  const masters = [uplink, ...ports.map((port) => linkOfPort(links, port))].map((l) => l?.master);
  return masters.map((index) => linkAt(links, index)).find((l) => l?.mark === 'bridge');
}

function linkOfPort(links: readonly HostLink[], { hostEnd, mac }: WiredPort): HostLink | undefined {
  return (
    linkNamed(links, hostEnd) ??
    links.find((link) => link.mark === 'endpoint' && link.kind === 'veth' && link.mac === mac)
  );
}

/**
 * The link that carries the segment. The kernel has one 802.1Q link per parent and VLAN; where the parent has another name
 * now, it is our link that knows it.
 */
function uplinkOf(
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

/** What carries the segment: the 802.1Q link of that parent and id, or the parent. */
export function segmentLink(
  links: readonly HostLink[],
  chain: Pick<NetworkOptions, 'parent' | 'vlan'>,
): HostLink | undefined {
  return uplinkOf(links, chain, linkNamed(links, chain.parent), undefined);
}

/** A link has one name and any number of alternative ones: two networks that name it differently are on one segment. */
export function withRealParent<Options extends Readonly<Record<string, unknown>>>(
  options: Options,
  host: Pick<Host, 'realName'>,
): Options {
  const parent = options['parent'];
  return typeof parent === 'string' ? { ...options, parent: host.realName(parent) } : options;
}

/** The name that the parent has at the moment. */
export function parentNow(
  links: readonly HostLink[],
  { options, vlanLink }: Pick<NetworkRecord, 'options' | 'vlanLink'>,
): string {
  const named = linkNamed(links, options.parent);
  if (named !== undefined) return named.name;
  return linkAt(links, uplinkOf(links, options, named, vlanLink)?.lower)?.name ?? options.parent;
}

export function linkNamed(links: readonly HostLink[], name: string): HostLink | undefined {
  return (
    links.find((link) => link.name === name) ?? links.find((link) => link.altNames.includes(name))
  );
}

function linkAt(links: readonly HostLink[], index: number | undefined): HostLink | undefined {
  return index === undefined ? undefined : links.find((link) => link.index === index);
}
