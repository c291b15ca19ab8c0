/**
 * What the driver needs of the host: links and the firewall. `plugin/net` provides it; main.ts is where
 * the compiler proves that it does. Lists of sentences that calls return are warnings for the log.
 */
import type { SandboxChange } from './vocabulary/sandbox-change.ts';
import type { PortRules } from './vocabulary/port-rules.ts';
import type { Ipv4, Mac } from './wire/address.ts';

/** A link of a network that was there before us and lacks our mark. */
export type TheirLink = 'bridge' | 'vlan-link';

export interface NetworkLinkSpec {
  readonly parent: string;
  readonly vlan: number | undefined;
  readonly bridge: string;
  readonly mtu: number | undefined;
}

/** One VLAN on a parent link; `vlan` undefined: the parent's untagged traffic. */
export interface Segment {
  readonly parent: string;
  readonly vlan: number | undefined;
}

/** A link of the host's namespace. It is known by its index; names are what it is called at the moment. */
export interface HostLink {
  readonly name: string;
  readonly altNames: readonly string[];
  readonly index: number;
  readonly kind: string | undefined;
  readonly mac: Mac | undefined;
  readonly mtu: number;
  readonly isUp: boolean;
  readonly hasCarrier: boolean;
  /** Index of the bridge that it is a port of. */
  readonly master: number | undefined;
  /** Index of what it lies on. */
  readonly lower: number | undefined;
  readonly vlan: { readonly id: number; readonly protocol: '802.1Q' | 'other' } | undefined;
  /** What our mark says that it is; undefined: not one of ours. */
  readonly mark: 'vlan' | 'bridge' | 'endpoint' | undefined;
}

/** A subnet of the host's that no pool may overlap. */
export interface HostSubnet {
  readonly destination: Ipv4;
  readonly prefixLength: number;
  /** Where it comes from, for a message: `the route 10.0.0.0/24 of eth0`, `the name server 10.0.0.53`. */
  readonly what: string;
}

export interface Host {
  /** Makes the VLAN link and the bridge if they are not there; idempotent; undoes its own on failure. */
  ensureNetworkLinks(spec: NetworkLinkSpec): Promise<{
    readonly vlanLink: string | undefined;
    readonly mtu: number;
    readonly created: {
      /** It put the VLAN link, or an untagged parent, into the bridge. */
      readonly uplinkPort: boolean;
    };
    readonly theirs: readonly TheirLink[];
    readonly warnings: readonly string[];
  }>;
  /** Removes what carries our mark and nothing else; already gone is success. */
  removeNetworkLinks(links: {
    readonly parent: string;
    readonly vlan: number | undefined;
    readonly vlanLink: string | undefined;
    readonly bridge: string;
    /** Take the uplink out of a bridge that is not ours. */
    readonly uplinkPort: boolean;
  }): Promise<readonly string[]>;
  /** Removes bridges and VLAN links of ours that are not among `known` and that nothing uses; names them. */
  removeOrphanLinks(known: readonly string[]): Promise<readonly string[]>;
  /** Removes links that we were making when we were killed; names them. */
  removeUnfinishedLinks(): Promise<readonly string[]>;
  ensureEndpointLink(spec: {
    readonly hostEnd: string;
    readonly containerEnd: string;
    readonly mac: Mac;
    readonly mtu: number;
    readonly bridge: string;
    readonly rules: PortRules;
  }): Promise<readonly string[]>;
  /**
   * What may be sent from each of these ports from now on. Never throws: trouble with one of them is among the warnings,
   * and `onUnguarded` is told each that is not guarded by its rules.
   */
  guardEndpoints(
    ports: readonly { readonly hostEnd: string; readonly rules: PortRules }[],
    onUnguarded?: (hostEnd: string) => void,
  ): Promise<readonly string[]>;
  /** Every link there is; no process is started. */
  readLinks(): Promise<readonly HostLink[]>;
  /** Tells of every change, from now on until it is closed. */
  watchLinks(handlers: {
    onLink(link: HostLink, isGone: boolean): void;
    /** A filter on what enters that link was taken off. */
    onFilterGone(index: number): void;
    /** More happened than could be told. */
    onLost(): void;
  }): { close(): void };
  /** Makes the bridge of a network whose parent is not there, or brings it up; idempotent. */
  ensureBridge(
    spec: NetworkLinkSpec & { readonly vlanLink: string | undefined },
  ): Promise<readonly string[]>;
  /** Makes a container's link a port of the bridge again, up and guarded. */
  attachPort(port: {
    readonly hostEnd: string;
    readonly bridge: string;
    readonly rules: PortRules;
  }): Promise<readonly string[]>;
  renameLink(index: number, name: string): Promise<void>;
  setLinkMtu(link: string, mtu: number): Promise<void>;
  /** The MAC of a container's link in the bridge. */
  hostEndMac(hostEnd: string, containerMac: Mac): Mac;
  /** Closes those of the links that are ours to the host. */
  protectNetwork(links: {
    readonly bridge: string;
    readonly vlanLink: string | undefined;
  }): Promise<readonly string[]>;
  /** Both ends, while the container end is still here. */
  setEndpointMtu(ends: { hostEnd: string; containerEnd: string; mtu: number }): Promise<void>;
  /**
   * Changes the container's link where it is, without taking it down. Only what our link carries is
   * touched; what is so already is left as it is.
   * @returns false if the link is not there. @throws PluginError SOCKET_FAILED if the sandbox cannot be
   * entered, IP_COMMAND_FAILED.
   */
  changeSandbox(
    place: { readonly netnsPath: string; readonly hostEnd: string },
    changes: readonly SandboxChange[],
  ): Promise<boolean>;
  removeEndpointLink(hostEnd: string): Promise<void>;
  listEndpointLinks(): Promise<
    readonly { readonly hostEnd: string; readonly containerEndHere: boolean }[]
  >;
  /** Without a process or a wait: the name of the link that has this name among its names; else what was given. */
  realName(name: string): string;
  /** Without a process or a wait: is there a link of that name? */
  linkExists(name: string): boolean;
  /** Lets bridged frames through Docker's FORWARD policy (D6). */
  ensureBridgeAccept(bridges: readonly string[]): Promise<{
    /** False: nothing here drops bridged frames, or not yet. */
    readonly hasChain: boolean;
    /** A rule was missing. */
    readonly isAdded: boolean;
    /** Not all could be looked at or set: what else is said may not be so. */
    readonly hasFailed: boolean;
    readonly warnings: readonly string[];
  }>;
  removeBridgeAccept(bridge: string): Promise<readonly string[]>;
  /** Tells when those rules may have changed, be it by us. */
  watchBridgeAccept(onChange: () => void): {
    /** False: some changes may not be told. */
    isTold(): boolean;
    /** Without a process or a wait: sees what changed this moment, and calls back if something did. */
    look(): void;
    close(): void;
  };
  /**
   * The link that carries the segment now: the 802.1Q link under whatever name, or the parent itself.
   * @returns undefined if there is none. No process is started, but for the first look at each VLAN link.
   */
  findSegmentLink(segment: Segment): Promise<string | undefined>;
  /**
   * Runs `work` with a link that carries the segment: the one that exists, or a VLAN link that is there as long
   * as `work` runs. That one stays if somebody took it into use meanwhile.
   * @throws PluginError as ensureNetworkLinks does; whatever `work` throws.
   */
  withSegmentLink<Result>(
    segment: Segment,
    work: (link: string) => Promise<Result>,
  ): Promise<Result>;
  /**
   * Without a process or a wait: all IPv4 addresses in the network namespaces whose files lie in `folder`, but
   * for those of their loopback links.
   * @returns undefined if one of them cannot be looked into, so that an address that is missing proves nothing.
   */
  listSandboxAddresses(folder: string): ReadonlySet<Ipv4> | undefined;
  /** What engines compare a pool with: routes of scope link, and name servers. */
  readHostSubnets(): Promise<readonly HostSubnet[]>;
  /** Without a process or a wait; undefined if there is no such link, or it is not Ethernet. */
  linkMac(name: string): Mac | undefined;
}
