/**
 * What the driver needs of the host: links and the firewall. `plugin/net` provides it; main.ts is where
 * the compiler proves that it does. Lists of sentences that calls return are warnings for the log.
 */
import type { SandboxChange } from '../sandbox-change.ts';
import type { Mac } from '../wire/address.ts';

export interface NetworkLinkSpec {
  readonly parent: string;
  readonly vlan: number | undefined;
  readonly bridge: string;
  readonly mtu: number | undefined;
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
  ensureEndpointLink(spec: {
    readonly hostEnd: string;
    readonly containerEnd: string;
    readonly mac: Mac;
    readonly mtu: number;
    readonly bridge: string;
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
  /** Without a process or a wait: is there a link of that name? */
  linkExists(name: string): boolean;
  /** Lets bridged frames through Docker's FORWARD policy (D6). */
  ensureBridgeAccept(bridge: string): Promise<{
    /** False: Docker keeps no chain for such rules here, or not yet. */
    readonly hasChain: boolean;
    readonly warnings: readonly string[];
  }>;
  removeBridgeAccept(bridge: string): Promise<readonly string[]>;
}
