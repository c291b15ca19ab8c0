/** What the rooms ask of the kernel about a container's link in its sandbox. */
import type { ContainerLink } from './vocabulary/attachment.ts';
import type { Ipv6 } from './wire/address6.ts';
import type { AddressToHave6, SandboxChange } from './vocabulary/sandbox-change.ts';

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
   * @returns false if the link is not there.
   * @throws PluginError SOCKET_FAILED if the sandbox cannot be entered, IP_COMMAND_FAILED.
   */
  setSandboxIpv6(
    place: ContainerLink & { readonly netnsPath: string },
    wanted: {
      readonly address: AddressToHave6 | undefined;
      readonly former: Pick<AddressToHave6, 'address' | 'prefixLength'> | undefined;
      readonly isOffByDocker: boolean;
      readonly routers: readonly Ipv6[];
      readonly isAutonomous: boolean;
      /** The interface identifier of those addresses. Undefined: that of the MAC. */
      readonly token?: Ipv6 | undefined;
      /** The interface identifier of addresses of prefixes that it must not have. */
      readonly unwanted?: Ipv6 | undefined;
    },
  ): Promise<boolean>;
  /** Sends frames into a container, by the host's end of its link. @throws PluginError. */
  sendInto(hostEnd: string, frames: readonly Uint8Array[]): void;
}
