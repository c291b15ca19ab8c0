/** What the rooms ask of the kernel about a container's link in its sandbox. */
import type { ContainerLink } from './vocabulary/attachment.ts';
import type { Ipv6 } from './wire/address6.ts';
import type { DnsRedirect, DnsServer } from './vocabulary/dns-redirect.ts';
import type {
  AddressToHave6,
  SandboxChange,
  SandboxIpv6Result,
} from './vocabulary/sandbox-change.ts';

export interface SandboxHost {
  /**
   * Changes the container's link without taking it down. Touches only what uses our link. Leaves as
   * it is what is already right.
   * @returns false if the link is not there.
   * @throws PluginError SOCKET_FAILED if the sandbox cannot be entered, IP_COMMAND_FAILED.
   */
  changeSandbox(
    place: ContainerLink & { readonly netnsPath: string },
    changes: readonly SandboxChange[],
  ): Promise<boolean>;
  /** True if a link of that MTU takes part in IPv6 on this host. */
  hasIpv6(mtu: number): boolean;
  /**
   * Gives a container's link its IPv6 settings and its address. Idempotent.
   * @throws PluginError SOCKET_FAILED if the sandbox cannot be entered, IP_COMMAND_FAILED.
   */
  setSandboxIpv6(
    place: ContainerLink & { readonly netnsPath: string },
    wanted: {
      readonly address: AddressToHave6 | undefined;
      readonly former: Pick<AddressToHave6, 'address' | 'prefixLength'> | undefined;
      readonly isOffByDocker: boolean;
      readonly routers: readonly Ipv6[];
      /** `--internal`: no route of a router leads out of the segment. */
      readonly isInternal?: boolean | undefined;
      readonly isAutonomous: boolean;
      /** The interface identifier of those addresses. Undefined: that of the MAC. */
      readonly token?: Ipv6 | undefined;
      /** The interface identifier of addresses of prefixes that it must not have. */
      readonly unwanted?: Ipv6 | undefined;
    },
  ): Promise<SandboxIpv6Result>;
  /**
   * Has DNS queries that the container sends to some servers go to others, from now on. Replaces
   * what was set before. Idempotent.
   * @returns false if the link is not there.
   * @throws PluginError SOCKET_FAILED if the sandbox cannot be entered, IP_COMMAND_FAILED.
   */
  setSandboxDns(
    place: ContainerLink & { readonly netnsPath: string },
    redirects: readonly DnsRedirect[],
  ): Promise<boolean>;
  /**
   * The same before the link is there.
   * @returns false if the sandbox is not there yet.
   * @throws PluginError SOCKET_FAILED, IP_COMMAND_FAILED.
   */
  prepareSandboxDns(
    place: { readonly netnsPath: string; readonly containerEnd: string },
    redirects: readonly DnsRedirect[],
  ): Promise<boolean>;
  /**
   * Takes that back, also where the link has left the sandbox. A sandbox that is gone is no error.
   * @throws PluginError SOCKET_FAILED, IP_COMMAND_FAILED.
   */
  clearSandboxDns(netnsPath: string, containerEnd: string): Promise<void>;
  /** The DNS servers in the host's resolv.conf. Starts no process and does not wait. */
  readHostDns(): {
    readonly servers: readonly DnsServer[];
    /** True if the host may have others by now. */
    readonly isOutdated: boolean;
  };
  /** Sends frames into a container, by the host's end of its link. @throws PluginError. */
  sendInto(hostEnd: string, frames: readonly Uint8Array[]): void;
}
