/** The links of containers, and the host's own links to them. */
import { hostEndMac } from '../../../../plugin/net/links/link-names.ts';
import { PluginError } from '../../../../plugin/vocabulary/errors.ts';
import type { Host } from '../../../../plugin/host.ts';
import { ownEnd } from '../../../../plugin/vocabulary/attachment.ts';
import type { PortRules } from '../../../../plugin/vocabulary/port-rules.ts';
import type { Mac } from '../../../../plugin/wire/address.ts';
import { FakeNetworks } from './fake-networks.ts';

export class FakeEndpoints extends FakeNetworks {
  /** The rules of each port. */
  readonly guards = new Map<string, PortRules>();

  async ensureEndpointLink(spec: Parameters<Host['ensureEndpointLink']>[0]) {
    const { containerEnd, mac, mtu, connection } = spec;
    const end = ownEnd(spec);
    await this.attempt('ensureEndpointLink', end);
    if (this.links.has(end) && !this.endpoints.has(end))
      throw new PluginError('LINK_CONFLICT', `link ${end} exists and is not one of ours`);
    if (connection.kind === 'veth') {
      this.requireBridge(connection.bridge);
      this.guards.set(end, connection.rules);
      this.masters.set(end, connection.bridge);
      this.macs.set(end, hostEndMac(end, mac));
    } else if (!this.links.has(connection.lower)) {
      throw new PluginError('LINK_CONFLICT', `link ${connection.lower} has just gone`);
    }
    this.links.add(end).add(containerEnd);
    this.endpoints.set(end, { containerEnd, here: true, mtu });
    this.macs.set(containerEnd, mac);
    return this.warnings;
  }

  async remakeEndpointLink(
    spec: Parameters<Host['remakeEndpointLink']>[0],
  ): ReturnType<Host['remakeEndpointLink']> {
    const end = ownEnd(spec);
    await this.attempt('remakeEndpointLink', end);
    this.endpoints.set(end, { containerEnd: spec.containerEnd, here: false, mtu: spec.mtu });
    return this.warnings;
  }

  async removeEndpointLink(end: string) {
    await this.attempt('removeEndpointLink', end);
    // A link without an end in the host may be in a container.
    const isHere = this.endpoints.get(end)?.containerEnd !== end || this.links.has(end);
    if (this.endpoints.has(end) && isHere) this.loseEndpoint(end);
  }

  async listEndpointLinks() {
    await this.attempt('listEndpointLinks', '');
    return [...this.endpoints]
      .filter(([end, { containerEnd }]) => end !== containerEnd || this.links.has(end))
      .map(([end, { here }]) => ({ end, containerEndHere: here }));
  }

  async ensureHostLink(spec: Parameters<Host['ensureHostLink']>[0]) {
    const { link, connection, mac } = spec;
    await this.attempt('ensureHostLink', link);
    if (this.links.has(link) && !this.hostLinks.has(link))
      throw new PluginError('LINK_CONFLICT', `link ${link} exists and is not one of ours`);
    if (!this.links.has(connection.lower))
      throw new PluginError('LINK_CONFLICT', `link ${connection.lower} has just gone`);
    this.links.add(link);
    this.hostLinks.set(link, spec);
    this.macs.set(link, mac);
    return this.warnings;
  }

  async removeHostLink(link: string) {
    await this.attempt('removeHostLink', link);
    if (this.hostLinks.has(link)) this.removeLink(link);
  }

  async attachPort({ hostEnd, bridge, rules }: Parameters<Host['attachPort']>[0]) {
    await this.attempt('attachPort', hostEnd);
    this.requireBridge(bridge);
    this.masters.set(hostEnd, bridge);
    this.oddities.delete(hostEnd);
    this.guards.set(hostEnd, rules);
    return [];
  }

  /** Never throws. The error that it is made to fail with becomes a sentence for each port. */
  async guardEndpoints(
    ports: Parameters<Host['guardEndpoints']>[0],
    onUnguarded?: (hostEnd: string) => void,
  ) {
    const problem = await this.attempt(
      'guardEndpoints',
      ports.map(({ hostEnd }) => hostEnd).join(' '),
    ).catch((error: Error) => error);
    return ports.flatMap(({ hostEnd, rules }) => {
      if (problem === undefined) this.guards.set(hostEnd, rules);
      else onUnguarded?.(hostEnd);
      return problem === undefined ? [] : [`port ${hostEnd} is not guarded: ${problem.message}`];
    });
  }

  async setEndpointMtu(link: Parameters<Host['setEndpointMtu']>[0]) {
    const end = ownEnd(link);
    await this.attempt('setEndpointMtu', end);
    const known = this.endpoints.get(end);
    if (known !== undefined) this.endpoints.set(end, { ...known, mtu: link.mtu });
  }

  hostEndMac(hostEnd: string, containerMac: Mac): Mac {
    return hostEndMac(hostEnd, containerMac);
  }

  /** What libnetwork does after Join. */
  moveIntoSandbox(end: string | undefined): void {
    const link = end === undefined ? undefined : this.endpoints.get(end);
    if (end === undefined || link === undefined) throw new Error(`no link ${end}`);
    this.links.delete(link.containerEnd);
    this.endpoints.set(end, { ...link, here: false });
  }

  /** What libnetwork does when a running container leaves a network. */
  moveOutOfSandbox(end: string | undefined): void {
    const link = end === undefined ? undefined : this.endpoints.get(end);
    if (end === undefined || link === undefined) throw new Error(`no link ${end}`);
    this.links.add(link.containerEnd);
    this.endpoints.set(end, { ...link, here: true });
  }

  /** Both ends are removed, as when a sandbox is destroyed. */
  loseEndpoint(end: string | undefined): void {
    if (end === undefined) throw new Error('a link has an end');
    const link = this.endpoints.get(end);
    this.links.delete(end);
    if (link !== undefined) this.links.delete(link.containerEnd);
    this.endpoints.delete(end);
  }
}
