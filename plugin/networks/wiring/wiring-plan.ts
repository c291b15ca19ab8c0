/**
 * Finds what is wrong with the links of the networks, and what repairs it (D13). It compares the
 * existing links with the records. Pure. It checks more than existence: what a link lies on, which
 * bridge it is a port of, whether it is up, its MTU.
 *
 * It repairs only what is ours: links with our mark, and ports that we attached. Faults in links of
 * somebody else are reported.
 */
import type { Mac } from '../../wire/address.ts';
import type { HostLink } from '../../host.ts';
import {
  chainTroubles,
  linkAt,
  linkNamed,
  outerLinkOf,
  parentBelow,
  uplinkOf,
} from '../../state/link-chain.ts';
import { attachmentOf, linksOf } from '../../state/attachments/attachments.ts';
import type { NetworkRecord } from '../../state/records.ts';
import { isInRanges, mtuBehindTags } from '../../vocabulary/vlan-tags.ts';

export interface WiredNetwork {
  readonly network: NetworkRecord;
  readonly ports: readonly WiredPort[];
}

export interface WiredPort {
  readonly endpointId: string;
  readonly hostEnd: string;
  /** MAC of the host's end. It identifies a link whose name was changed. */
  readonly mac: Mac;
}

/** `seen` says what was wrong, for the log. */
export type Repair = {
  readonly networkId: string;
  readonly link: string;
  readonly seen: string;
} & (
  | { readonly type: 'rename'; readonly index: number; readonly from: string }
  /** The VLAN link, the bridge, and that one is a port of the other. */
  | { readonly type: 'links' }
  | { readonly type: 'vlan-mtu'; readonly mtu: number }
  /** The MTU of the containers' links. */
  | { readonly type: 'network-mtu'; readonly mtu: number }
  | { readonly type: 'port'; readonly endpointId: string }
);

export interface WiringPlan {
  readonly repairs: readonly Repair[];
  /** Faults that are not ours to repair, by network. */
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
  return [...linksOf(network), ...ports.map(({ hostEnd }) => hostEnd)];
}

/** @param called names that some network needs. A link of such a name is not renamed. */
function repairsOf(
  links: readonly HostLink[],
  { network, ports }: WiredNetwork,
  called: ReadonlySet<string>,
): Repair[] {
  const { options, vlanLink: vlanName, outerLink: outerName } = network;
  const named = linkNamed(links, options.parent);
  const uplink = uplinkOf(links, options, named, vlanName);
  const parent = parentBelow(links, options, uplink) ?? named;
  const outer = outerLinkOf(links, options, parent);
  const of = (link: string, seen: string) => ({ networkId: network.id, link, seen });

  const rename = (link: HostLink | undefined, to: string): Repair[] =>
    link === undefined || called.has(link.name) || linkNamed(links, to) !== undefined
      ? []
      : [{ ...of(to, `it was called ${link.name}`), type: 'rename', ...startOf(link) }];

  const renames = [
    ...(uplink?.mark === 'vlan' && vlanName !== undefined ? rename(uplink, vlanName) : []),
    ...(outer?.mark === 'vlan' && outerName !== undefined ? rename(outer, outerName) : []),
    ...(options.bridge === undefined
      ? []
      : rename(bridgeOfOurs(links, uplink, ports), options.bridge)),
  ];
  // The rest depends on names, so it is checked again after the names are right.
  if (renames.length > 0) return renames;

  const broken =
    brokenOuter(outer) ??
    brokenUplink(network, parent, outer, uplink) ??
    brokenBridge(network, uplink, links) ??
    brokenMember(network, links);
  if (broken !== undefined) return [{ ...of(broken.link, broken.seen), type: 'links' }];

  const repairs: Repair[] = [];
  // A link takes no more than the link below it, so the outer one comes first.
  const follow = (link: HostLink | undefined, below: HostLink | undefined, most: number) => {
    if (link?.mark !== 'vlan' || below === undefined || link.mtu === most) return link?.mtu;
    const seen = `MTU ${link.mtu}, and that of ${below.name} is ${below.mtu}`;
    repairs.push({ ...of(link.name, seen), type: 'vlan-mtu', mtu: most });
    return most;
  };
  const below = follow(outer, parent, parent?.mtu ?? 0) ?? parent?.mtu ?? 0;
  const mtu = follow(uplink, outer ?? parent, mtuBehindTags(options.vlan, below));
  const wanted = mtu === undefined ? network.mtu : Math.min(options.mtu ?? mtu, mtu);
  if (wanted !== network.mtu) {
    const seen = `MTU ${network.mtu} for containers, and that of ${String(uplink?.name)} is ${String(mtu)}`;
    const link = options.bridge ?? vlanName ?? options.parent;
    repairs.push({ ...of(link, seen), type: 'network-mtu', mtu: wanted });
  }
  const bridgeName = attachmentOf(network).bridgeOfPorts(network);
  const bridge = bridgeName === undefined ? undefined : linkNamed(links, bridgeName);
  for (const wired of ports) {
    const { endpointId, hostEnd } = wired;
    const port = linkNamed(links, hostEnd);
    if (port === undefined) repairs.push(...rename(linkOfPort(links, wired), hostEnd));
    if (port === undefined || bridge === undefined) continue;
    const seen = faultOfPort(port, bridge, options);
    if (seen === undefined) continue;
    repairs.push({ ...of(hostEnd, seen), type: 'port', endpointId });
  }
  return repairs;
}

function faultOfPort(
  port: HostLink,
  bridge: HostLink,
  { mode, vlan }: NetworkRecord['options'],
): string | undefined {
  if (!port.isUp) return 'down';
  if (port.master !== bridge.index) return `no port of ${bridge.name}`;
  if (mode !== 'vlan-bridge' || port.vlans === undefined) return undefined;
  const isRight = port.vlans.length === 1 && port.vlans[0]?.join() === [vlan, vlan].join();
  return isRight ? undefined : `not in VLAN ${String(vlan)} alone`;
}

function startOf({ index, name }: HostLink): { readonly index: number; readonly from: string } {
  return { index, from: name };
}

interface Broken {
  readonly link: string;
  readonly seen: string;
}

/** An outer link of ours that is down keeps the VLAN link down. */
function brokenOuter(outer: HostLink | undefined): Broken | undefined {
  return outer?.mark === 'vlan' && !outer.isUp ? { link: outer.name, seen: 'down' } : undefined;
}

/** What is wrong with the VLAN link, if that is ours to repair. */
function brokenUplink(
  { options, vlanLink, theirs }: NetworkRecord,
  parent: HostLink | undefined,
  outer: HostLink | undefined,
  uplink: HostLink | undefined,
): Broken | undefined {
  if (uplink !== undefined) {
    const isDown = uplink.mark === 'vlan' && !uplink.isUp;
    return isDown ? { link: uplink.name, seen: 'down' } : undefined;
  }
  if (theirs?.includes('vlan-link') === true) return undefined;
  if (theirs?.includes('outer-link') === true && outer === undefined) return undefined;
  // The VLAN link needs a parent that exists and is up. Until then the fault is the parent's.
  if (options.vlan === undefined || parent?.isUp !== true) return undefined;
  return { link: vlanLink ?? `VLAN ${options.vlan}`, seen: 'gone' };
}

/** What is wrong with the bridge, or with the uplink as its port, if that is ours to repair. */
function brokenBridge(
  { options, uplinkPort, theirs }: NetworkRecord,
  uplink: HostLink | undefined,
  links: readonly HostLink[],
): Broken | undefined {
  if (options.bridge === undefined) return undefined;
  const bridge = linkNamed(links, options.bridge);
  // The operator makes his own bridge again. What we attach to it follows then.
  if (bridge === undefined) {
    return theirs?.includes('bridge') === true ? undefined : { link: options.bridge, seen: 'gone' };
  }
  const mayBePort = uplink !== undefined && (uplink.mark === 'vlan' || uplinkPort);
  if (mayBePort && uplink.master !== bridge.index) {
    return { link: uplink.name, seen: `no port of ${bridge.name}` };
  }
  if (bridge.mark === 'bridge' && !bridge.isUp) return { link: bridge.name, seen: 'down' };
  return undefined;
}

/** A link of an operator's bridge that we added to the VLAN, and that is not in it any more. */
function brokenMember(
  { options, vlanMembers = [] }: NetworkRecord,
  links: readonly HostLink[],
): Broken | undefined {
  if (linkNamed(links, options.parent)?.vlanFilter === undefined) return undefined;
  const out = vlanMembers
    .map((name) => linkNamed(links, name))
    .find((link) => link?.vlans !== undefined && !isInRanges(link.vlans, options.vlan));
  return out && { link: out.name, seen: `not in VLAN ${String(options.vlan)}` };
}

/** The bridge that has this network's links as ports, whatever its name is. */
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
