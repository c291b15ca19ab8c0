/**
 * Gives the driver one object for the host's links and firewall. Turns their results into warnings
 * for the log.
 */
import { isLinkName } from '../vocabulary/link-name.ts';
import type { ContainerLink } from '../vocabulary/attachment.ts';
import type { Mac } from '../wire/address.ts';
import {
  endpointPresence,
  ensureEndpointLink,
  listEndpointLinks,
  remakeEndpointLink,
  removeEndpointLink,
} from './endpoints/endpoint-links.ts';
import { ensureHostLink, removeHostLink } from './endpoints/host-link.ts';
import { attachPort, guardEndpoints } from './endpoints/veth-port.ts';
import { ensureBridgeAccept, removeBridgeAccept, watchBridgeAccept } from './firewall/firewall.ts';
import { readHostSubnets } from './host-subnets.ts';
import {
  askKernel,
  findLinkIndex,
  isEthernet,
  linkIndex,
  linkMac,
  linkName,
  missingLinks,
} from './netlink/interface-request.ts';
import { readLinkTable, renameLink } from './netlink/rtnetlink.ts';
import { watchLinks } from './netlink/link-events.ts';
import { keepingHostOut, setMtu } from './links/link-mtu.ts';
import { hostEndMac } from './links/link-names.ts';
import { ensureBridge, ensureNetworkLinks, protectNetwork } from './links/links.ts';
import { removeOrphanLinks, removeUnfinishedLinks } from './links/orphan-links.ts';
import { removeNetworkLinks } from './links/remove-links.ts';
import { listSandboxAddresses } from './sandbox/sandbox-addresses.ts';
import { isInSandbox } from './sandbox/sandbox-link.ts';
import { changeSandbox } from './sandbox/sandbox-config.ts';
import { clearSandboxDns, prepareSandboxDns, setSandboxDns } from './sandbox/sandbox-dns.ts';
import { readHostDns } from './resolv-conf.ts';
import { hasIpv6 } from './sysctl.ts';
import { setSandboxIpv6 } from './sandbox/sandbox-ipv6.ts';
import { sendFromLink } from './sockets/link-sender.ts';
import { silentUplink } from './links/parent/silent-uplink.ts';
import { findSegmentLink, withSegmentLink } from './segment-link.ts';

export const linuxHost = {
  ensureNetworkLinks,
  removeNetworkLinks,
  removeOrphanLinks,
  removeUnfinishedLinks,
  ensureEndpointLink,
  ensureHostLink,
  removeHostLink,
  attachPort,
  guardEndpoints,
  ensureBridge,
  protectNetwork,
  hostEndMac,
  watchLinks,
  readLinks: readLinkTable,
  removeEndpointLink,
  listEndpointLinks,
  endpointPresence,
  missingLinks,
  remakeEndpointLink,
  isInSandbox,
  changeSandbox,
  hasIpv6,
  setSandboxIpv6,
  setSandboxDns,
  prepareSandboxDns,
  clearSandboxDns,
  readHostDns,
  silentUplink,
  findSegmentLink,
  withSegmentLink,
  listSandboxAddresses,
  readHostSubnets,
  watchBridgeAccept,

  renameLink,

  /** @throws PluginError SOCKET_FAILED. */
  sendInto(hostEnd: string, frames: readonly Uint8Array[]): void {
    for (const frame of frames) sendFromLink(hostEnd, frame);
  },

  /** @throws PluginError IP_COMMAND_FAILED. */
  async setLinkMtu(link: string, mtu: number): Promise<void> {
    await keepingHostOut(link, () => setMtu([link], mtu));
  },

  /** Starts no process and does not wait. */
  realName(name: string): string {
    if (!isLinkName(name)) return name;
    return askKernel((fd) => linkName(fd, linkIndex(fd, name))) ?? name;
  },

  /** Starts no process and does not wait. */
  linkExists(name: string): boolean {
    return findLinkIndex(name) !== undefined;
  },

  /**
   * Starts no process and does not wait. Undefined if there is no such link, or it is not Ethernet.
   */
  linkMac(name: string): Mac | undefined {
    if (!isLinkName(name)) return undefined;
    return askKernel((fd) => (isEthernet(fd, name) ? linkMac(fd, name) : undefined));
  },

  /**
   * Sets the MTU of all ends, while the container's end is still in the host's namespace. The
   * links were made with a larger MTU.
   * @throws PluginError IP_COMMAND_FAILED.
   */
  async setEndpointMtu(link: ContainerLink & { readonly mtu: number }): Promise<void> {
    const { hostEnd, containerEnd, mtu } = link;
    await setMtu(hostEnd === undefined ? [containerEnd] : [hostEnd, containerEnd], mtu);
  },

  async ensureBridgeAccept(bridges: readonly string[]): Promise<{
    readonly hasChain: boolean;
    readonly isAdded: boolean;
    readonly hasFailed: boolean;
    readonly warnings: readonly string[];
  }> {
    const { ipv4, ipv6, warnings } = await ensureBridgeAccept(bridges);
    const isAdded = ipv4 === 'added' || ipv6 === 'added';
    const hasFailed = ipv4 === 'failed' || ipv6 === 'failed';
    const hasChain = ipv4 !== 'no-chain' && ipv4 !== 'failed';
    return { hasChain, isAdded, hasFailed, warnings };
  },

  async removeBridgeAccept(bridge: string): Promise<readonly string[]> {
    return (await removeBridgeAccept(bridge)).warnings;
  },
};
