/**
 * The host as the driver wants it: links and firewall under one roof, their outcomes turned into the
 * warnings a log can carry.
 */
import { existsSync } from 'node:fs';
import { ipBatch } from './ip.ts';
import { ensureEndpointLink, listEndpointLinks, removeEndpointLink } from './endpoint-links.ts';
import { ensureBridgeAccept, removeBridgeAccept } from './firewall.ts';
import { ensureNetworkLinks } from './links.ts';
import { removeNetworkLinks } from './remove-links.ts';

export const linuxHost = {
  ensureNetworkLinks,
  removeNetworkLinks,
  ensureEndpointLink,
  removeEndpointLink,
  listEndpointLinks,

  /** Asks sysfs: neither a process nor a wait. */
  linkExists(name: string): boolean {
    return existsSync(`/sys/class/net/${name}`);
  },

  /** Both ends, in one `ip`. @throws PluginError IP_COMMAND_FAILED. */
  async setEndpointMtu(ends: {
    hostEnd: string;
    containerEnd: string;
    mtu: number;
  }): Promise<void> {
    const { hostEnd, containerEnd, mtu } = ends;
    await ipBatch([hostEnd, containerEnd].map((link) => `link set dev ${link} mtu ${mtu}`));
  },

  async ensureBridgeAccept(
    bridge: string,
  ): Promise<{ readonly hasChain: boolean; readonly warnings: readonly string[] }> {
    const { ipv4, warnings } = await ensureBridgeAccept(bridge);
    return { hasChain: ipv4 !== 'no-chain', warnings };
  },

  async removeBridgeAccept(bridge: string): Promise<readonly string[]> {
    return (await removeBridgeAccept(bridge)).warnings;
  },
};
