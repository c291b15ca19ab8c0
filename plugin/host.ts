/**
 * What the driver needs from the host: links and the firewall. `plugin/net` provides it, and the
 * compiler checks that in main.ts. If a call returns a list of sentences, these are warnings for
 * the log.
 */
import type {
  AttachmentMode,
  Connection,
  ContainerLink,
  LinkPresence,
} from './vocabulary/attachment.ts';
import type { LinkAddress } from './vocabulary/sandbox-change.ts';
import type { GuardMode, PortRules } from './vocabulary/port-rules.ts';
import type { Segment, TagProtocol, VlanRange } from './vocabulary/vlan-tags.ts';
import type { SandboxHost } from './sandbox-host.ts';
import type { Ipv4, Mac } from './wire/address.ts';

/** A link that a network uses and that we did not make: it lacks our mark. */
export type TheirLink = 'bridge' | 'vlan-link' | 'outer-link';

export interface NetworkLinkSpec extends Segment {
  readonly mode: AttachmentMode;
  /** Undefined unless `mode` is `bridge`. */
  readonly bridge: string | undefined;
  /** With `mode` `vlan-bridge`: the port of the parent that leads to the trunk. */
  readonly uplink?: string | undefined;
  /** With `mode` `vlan-bridge`: the links that were added to the VLAN before. */
  readonly vlanMembers?: readonly string[] | undefined;
  readonly mtu: number | undefined;
  readonly guard?: GuardMode;
}

/** A link of the host's namespace. Its index identifies it. Its names may change. */
export interface HostLink {
  readonly name: string;
  readonly altNames: readonly string[];
  readonly index: number;
  readonly kind: string | undefined;
  readonly mac: Mac | undefined;
  readonly mtu: number;
  readonly isUp: boolean;
  readonly hasCarrier: boolean;
  /** Index of the bridge that has this link as a port. */
  readonly master: number | undefined;
  /** Index of the link below this one. */
  readonly lower: number | undefined;
  readonly vlan: { readonly id: number; readonly protocol: TagProtocol | 'other' } | undefined;
  /** What our mark says that the link is; undefined if it is not ours. */
  readonly mark: 'vlan' | 'bridge' | 'endpoint' | 'host' | undefined;
  /** Only of a bridge that tells frames apart by 802.1Q tags. */
  readonly vlanFilter?: { readonly defaultPvid: number };
  /**
   * The VLANs of the bridge itself or of its port. Only of a bridge of somebody else that filters
   * VLANs, and of its ports.
   */
  readonly vlans?: readonly VlanRange[];
}

/** A subnet of the host, which no pool may overlap. */
export interface HostSubnet {
  readonly destination: Ipv4;
  readonly prefixLength: number;
  /**
   * Where it comes from, for a message: `the route 10.0.0.0/24 of eth0`, `the name server
   * 10.0.0.53`.
   */
  readonly what: string;
  /** The link of the route. Undefined if it is not a route of a link. */
  readonly link?: string | undefined;
}

/** The host's own link to the containers of a network. */
export interface HostLinkSpec {
  readonly link: string;
  readonly mac: Mac;
  readonly mtu: number;
  readonly connection: Extract<Connection, { kind: 'macvlan' }>;
  /** Undefined: none. */
  readonly address: LinkAddress | undefined;
}

export interface Host extends SandboxHost {
  /**
   * Makes the VLAN link and the bridge if they are missing. Idempotent. On failure it removes what
   * it made.
   */
  ensureNetworkLinks(spec: NetworkLinkSpec): Promise<{
    readonly vlanLink: string | undefined;
    /** The link of the outer tag. Undefined unless there are two. */
    readonly outerLink?: string | undefined;
    readonly mtu: number;
    readonly created: {
      /** True if it made the VLAN link, or an untagged parent, a port of the bridge. */
      readonly uplinkPort: boolean;
    };
    /** The links that it made members of the VLAN, on an operator's bridge. */
    readonly vlanMembers?: readonly string[];
    readonly theirs: readonly TheirLink[];
    readonly warnings: readonly string[];
  }>;
  /** Removes links with our mark and nothing else. A link that is gone already is no error. */
  removeNetworkLinks(
    links: Segment & {
      readonly vlanLink: string | undefined;
      readonly bridge: string | undefined;
      /** Take the uplink out of a bridge that is not ours. */
      readonly uplinkPort: boolean;
      /** Take these out of the VLAN. If undefined: none. */
      readonly vlanMembers?: readonly string[] | undefined;
    },
  ): Promise<readonly string[]>;
  /**
   * Removes our bridges, VLAN links and links of the host itself that are unused and not in
   * `known`. Returns their names.
   */
  removeOrphanLinks(known: readonly string[]): Promise<readonly string[]>;
  /** Removes links that we were making when the process was killed. Returns their names. */
  removeUnfinishedLinks(): Promise<readonly string[]>;
  /** Makes a container's link, ready to carry frames. */
  ensureEndpointLink(
    spec: ContainerLink & {
      readonly mac: Mac;
      readonly mtu: number;
      readonly connection: Connection;
    },
  ): Promise<readonly string[]>;
  /**
   * Starts no process and does not wait.
   * @param netnsPath the sandbox, if it is known.
   */
  endpointPresence(link: ContainerLink, netnsPath?: string): LinkPresence;
  /** Returns those names that no link of the host has. Cheap also for thousands. */
  missingLinks(names: readonly string[]): ReadonlySet<string>;
  /**
   * Sets what may be sent from each of these ports from now on. Never throws: a failure is a
   * warning. `onUnguarded` gets each port whose rules are not in force.
   */
  guardEndpoints(
    ports: readonly { readonly hostEnd: string; readonly rules: PortRules }[],
    onUnguarded?: (hostEnd: string) => void,
  ): Promise<readonly string[]>;
  /**
   * Makes the host's own macvlan link to the containers of a network, or repairs it: up, with this
   * MTU, with this address and no other. Idempotent. It gets no gateway and no IPv6.
   * @throws PluginError LINK_CONFLICT; SystemCallError.
   */
  ensureHostLink(spec: HostLinkSpec): Promise<readonly string[]>;
  /** Removes it. A link that is gone already is no error. */
  removeHostLink(link: string): Promise<void>;
  /** All links. Starts no process. */
  readLinks(): Promise<readonly HostLink[]>;
  /** Reports every change from now on until it is closed. */
  watchLinks(handlers: {
    onLink(link: HostLink, isGone: boolean): void;
    /** A port of a bridge, or a bridge as its own port, changed: for example its VLANs. */
    onPort?(index: number): void;
    /** Something removed our filter from the ingress of that link. */
    onFilterGone(index: number): void;
    /** Some changes were lost before they could be reported. */
    onLost(): void;
  }): { close(): void };
  /** Makes the bridge of a network whose parent is missing, or sets the bridge up. Idempotent. */
  ensureBridge(
    spec: NetworkLinkSpec & { readonly bridge: string; readonly vlanLink: string | undefined },
  ): Promise<readonly string[]>;
  /** Makes a container's link a port of the bridge again, up and guarded. */
  attachPort(port: {
    readonly hostEnd: string;
    readonly bridge: string;
    readonly rules: PortRules;
    readonly isIsolated?: boolean;
    readonly vlan?: number | undefined;
  }): Promise<readonly string[]>;
  renameLink(index: number, name: string): Promise<void>;
  setLinkMtu(link: string, mtu: number): Promise<void>;
  /** The MAC of a container's link in the bridge. */
  hostEndMac(hostEnd: string, containerMac: Mac): Mac;
  /** Closes the given links to the host, if the links are ours. */
  protectNetwork(links: {
    readonly mode: AttachmentMode;
    readonly guard: GuardMode;
    readonly bridge: string | undefined;
    readonly vlanLink: string | undefined;
    readonly outerLink?: string | undefined;
    /** The links of its containers: with mode=macvlan no other MAC may send by a link of ours. */
    readonly senders: () => readonly { readonly end: string; readonly mac: Mac }[];
  }): Promise<readonly string[]>;
  /** Sets the MTU of all ends, while the container end is still in the host's namespace. */
  setEndpointMtu(link: ContainerLink & { readonly mtu: number }): Promise<void>;
  /**
   * Removes the link, wherever its other end is. A link in a container goes with the container.
   * @param end as `ownEnd` names it.
   */
  removeEndpointLink(end: string): Promise<void>;
  /**
   * True if the link is up in that sandbox, and if the sandbox cannot be entered: then nothing is
   * known. Starts no process and does not wait.
   */
  isInSandbox(place: ContainerLink & { readonly netnsPath: string }): boolean;
  /**
   * Makes a link without an end in the host again, up in its sandbox, under the name that it had
   * there.
   * @returns undefined if the link is there, and the container has set it down.
   */
  remakeEndpointLink(
    spec: ContainerLink & {
      readonly mac: Mac;
      readonly mtu: number;
      readonly connection: Connection;
      readonly netnsPath: string;
      readonly name: string;
    },
  ): Promise<readonly string[] | undefined>;
  /** All ends with our mark in the host's namespace, by name. */
  listEndpointLinks(): Promise<
    readonly { readonly end: string; readonly containerEndHere: boolean }[]
  >;
  /**
   * The first name of the link that has `name` as one of its names; `name` itself if there is none.
   * Starts no process and does not wait.
   */
  realName(name: string): string;
  /** True if there is a link with that name. Starts no process and does not wait. */
  linkExists(name: string): boolean;
  /** Lets bridged frames through Docker's FORWARD policy (D6). */
  ensureBridgeAccept(bridges: readonly string[]): Promise<{
    /** False if nothing on the host drops bridged frames now. */
    readonly hasChain: boolean;
    /** True if a rule was missing and was added. */
    readonly isAdded: boolean;
    /** True if not everything could be read or set. The other fields may then be wrong. */
    readonly hasFailed: boolean;
    readonly warnings: readonly string[];
  }>;
  removeBridgeAccept(bridge: string): Promise<readonly string[]>;
  /** Reports when those rules may have changed. Our own changes are reported, too. */
  watchBridgeAccept(onChange: () => void): {
    /** False if some changes may not be reported. */
    isTold(): boolean;
    /**
     * Reads what changed until now, and calls back if something did. Starts no process and does not
     * wait.
     */
    look(): void;
    close(): void;
  };
  /**
   * Undefined if the parent is no uplink, or if its hub answers. Else since when it is silent.
   * Starts no process.
   */
  silentUplink(
    parent: string,
  ): Promise<{ readonly site: string; readonly downSince: string } | undefined>;
  /**
   * The link that carries the segment now: the link with its tags, whatever its name is, or the
   * parent itself. Starts a process only for the first look at each VLAN link.
   * @returns undefined if there is none.
   */
  findSegmentLink(segment: Segment): Promise<string | undefined>;
  /**
   * Runs `work` with a link that carries the segment: the existing link, or a VLAN link that is
   * made for `work` and removed after it. If somebody began to use that link meanwhile, it stays.
   * @throws PluginError as ensureNetworkLinks does, and whatever `work` throws.
   */
  withSegmentLink<Result>(
    segment: Segment,
    work: (link: string) => Promise<Result>,
  ): Promise<Result>;
  /**
   * All IPv4 addresses in the network namespaces whose files are in `folder`, except on loopback
   * links. Starts no process and does not wait.
   * @returns undefined if one of the namespaces cannot be read. Then a missing address proves
   * nothing.
   */
  listSandboxAddresses(folder: string): ReadonlySet<Ipv4> | undefined;
  /** The subnets that engines compare a pool with: routes of scope link, and name servers. */
  readHostSubnets(): Promise<readonly HostSubnet[]>;
  /**
   * Undefined if there is no such link, or it is not Ethernet. Starts no process and does not wait.
   */
  linkMac(name: string): Mac | undefined;
}
