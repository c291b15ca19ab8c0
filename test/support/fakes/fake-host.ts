/**
 * A host without a kernel: the links and rules that it would have. Every call can be made to fail.
 */
import { hostEndMac, outerLinkName } from '../../../plugin/net/links/link-names.ts';
import { PluginError } from '../../../plugin/vocabulary/errors.ts';
import type { Host, HostLink, HostSubnet, NetworkLinkSpec } from '../../../plugin/host.ts';
import {
  ownEnd,
  type ContainerLink,
  type LinkPresence,
} from '../../../plugin/vocabulary/attachment.ts';
import type { PortRules } from '../../../plugin/vocabulary/port-rules.ts';
import {
  isInRanges,
  mtuBehindTags,
  outerTagOf,
  type Segment,
} from '../../../plugin/vocabulary/vlan-tags.ts';
import type { SandboxChange } from '../../../plugin/vocabulary/sandbox-change.ts';
import type { Ipv4, Mac } from '../../../plugin/wire/address.ts';

type Call = keyof Host;

export class FakeHost implements Host {
  /** Every link there is. A test may add and remove links. */
  readonly links = new Set(['eth1']);
  readonly #bridges = new Set<string>();
  /** Host ends of ours, and whether the container end is in this namespace. */
  readonly endpoints = new Map<string, { containerEnd: string; here: boolean; mtu: number }>();
  readonly rules = new Set<string>();
  /** Links that were there before us. */
  readonly foreign = new Set<string>();
  readonly calls: string[] = [];
  /** What was changed inside sandboxes. */
  readonly sandboxChanges: SandboxChange[] = [];
  readonly failing = new Map<Call, Error>();
  hasChain = true;
  /** The firewall's programs cannot be run. */
  firewallFails = false;
  warnings: string[] = [];

  /**
   * The functions need no `this`, as those of `linuxHost`. If a test replaces one later, the new
   * one is called.
   */
  asPlainObject(): Host {
    const names = Object.getOwnPropertyNames(FakeHost.prototype);
    const calls = names.map((name) => [
      name,
      (...args: unknown[]) => {
        const own: unknown = Reflect.get(this, name);
        return typeof own === 'function' ? (Reflect.apply(own, this, args) as unknown) : own;
      },
    ]);
    return Object.fromEntries(calls) as Host;
  }

  async ensureNetworkLinks(spec: NetworkLinkSpec) {
    await this.#attempt('ensureNetworkLinks', spec.bridge ?? spec.mode);
    const vlanLink = spec.vlan === undefined ? undefined : `${spec.parent}.${spec.vlan}`;
    const uplink = vlanLink ?? spec.parent;
    this.#requireParent(spec.parent);
    const { bridge } = spec;
    const isPort = bridge !== undefined && this.#masterOf(uplink) === bridge;
    const uplinkPort = bridge !== undefined && !(this.links.has(uplink) && isPort);
    if (bridge !== undefined) {
      this.#bridges.add(bridge);
      this.links.add(bridge);
      this.oddities.delete(bridge);
      this.masters.set(uplink, bridge);
    }
    this.links.add(uplink);
    this.oddities.delete(uplink);
    const outerLink = outerName(spec);
    if (outerLink !== undefined) {
      this.links.add(outerLink);
      this.oddities.delete(outerLink);
    }
    const theirs = [
      ...(bridge !== undefined && this.foreign.has(bridge) ? (['bridge'] as const) : []),
      ...(vlanLink !== undefined && this.foreign.has(vlanLink) ? (['vlan-link'] as const) : []),
      ...(outerLink !== undefined && this.foreign.has(outerLink) ? (['outer-link'] as const) : []),
    ];
    const mtu = spec.mtu ?? mtuBehindTags(spec.vlan, this.link(outerLink ?? spec.parent).mtu);
    return {
      vlanLink,
      ...(outerLink && { outerLink }),
      mtu,
      created: { uplinkPort },
      ...(spec.mode === 'vlan-bridge' && { vlanMembers: this.#joinVlan(spec) }),
      theirs,
      warnings: this.warnings,
    };
  }

  async removeNetworkLinks(links: Parameters<Host['removeNetworkLinks']>[0]) {
    const { bridge, vlanLink } = links;
    await this.#attempt('removeNetworkLinks', bridge ?? vlanLink ?? '');
    for (const link of [bridge, vlanLink]) {
      if (link !== undefined && !this.foreign.has(link)) this.removeLink(link);
    }
    const outer = outerName(links);
    if (outer !== undefined && !this.foreign.has(outer) && !this.#isBelow(outer)) {
      this.removeLink(outer);
    }
    for (const name of links.vlanMembers ?? []) {
      const vlans = this.link(name).vlans?.filter(([first]) => first !== links.vlan) ?? [];
      this.oddities.set(name, { ...this.oddities.get(name), vlans });
    }
    return this.warnings;
  }

  /** An operator's bridge that filters VLANs. Its VLANs, and those of its ports, are oddities. */
  addVlanBridge(name: string, ports: readonly string[]): void {
    this.addBridge(name);
    this.foreign.add(name);
    this.oddities.set(name, { vlanFilter: { defaultPvid: 1 }, vlans: [[1, 1]] });
    for (const port of ports) {
      this.masters.set(port, name);
      this.oddities.set(port, { vlans: [[1, 1]] });
    }
  }

  #joinVlan({ parent, uplink, vlan, vlanMembers = [] }: NetworkLinkSpec): readonly string[] {
    const wanted = new Set([parent, ...(uplink === undefined ? [] : [uplink]), ...vlanMembers]);
    const outside = [...wanted].filter((name) => !isInRanges(this.link(name).vlans, vlan));
    for (const name of outside) {
      const { vlans = [] } = this.link(name);
      const own = [Number(vlan), Number(vlan)] as const;
      this.oddities.set(name, { ...this.oddities.get(name), vlans: [...vlans, own] });
    }
    return outside;
  }

  async removeOrphanLinks(known: readonly string[]) {
    await this.#attempt('removeOrphanLinks', known.join());
    const own = [...this.hostLinks.keys()].filter((link) => !known.includes(link));
    for (const link of own) this.removeLink(link);
    const bridges = [...this.#bridges].filter((bridge) => {
      const ports = [...this.masters].filter(([, master]) => master === bridge);
      const isUsed = ports.some(([port]) => this.endpoints.has(port));
      return !this.foreign.has(bridge) && !known.includes(bridge) && !isUsed;
    });
    for (const name of bridges) this.removeLink(name);
    const vlanLinks = [...this.links].filter(
      (name) => this.link(name).mark === 'vlan' && !this.masters.has(name) && !known.includes(name),
    );
    for (const name of vlanLinks) if (!this.#isBelow(name)) this.removeLink(name);
    for (const name of vlanLinks) if (!this.#isBelow(name)) this.removeLink(name);
    return [...own, ...bridges, ...vlanLinks.filter((name) => !this.links.has(name))];
  }

  /** Whoever removes a link; a bridge's ports are in none then. */
  removeLink(name: string): void {
    this.links.delete(name);
    this.#bridges.delete(name);
    this.masters.delete(name);
    this.hostLinks.delete(name);
    for (const { link, connection } of [...this.hostLinks.values()]) {
      if (connection.lower === name) this.removeLink(link);
    }
    for (const [port, bridge] of this.masters) if (bridge === name) this.masters.delete(port);
  }

  addBridge(name: string): void {
    this.links.add(name);
    this.#bridges.add(name);
  }

  async ensureEndpointLink(spec: Parameters<Host['ensureEndpointLink']>[0]) {
    const { containerEnd, mac, mtu, connection } = spec;
    const end = ownEnd(spec);
    await this.#attempt('ensureEndpointLink', end);
    if (this.links.has(end) && !this.endpoints.has(end))
      throw new PluginError('LINK_CONFLICT', `link ${end} exists and is not one of ours`);
    if (connection.kind === 'veth') {
      this.#requireBridge(connection.bridge);
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

  /** The host's own links to containers, and their addresses. */
  readonly hostLinks = new Map<string, Parameters<Host['ensureHostLink']>[0]>();

  async ensureHostLink(spec: Parameters<Host['ensureHostLink']>[0]) {
    const { link, connection, mac } = spec;
    await this.#attempt('ensureHostLink', link);
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
    await this.#attempt('removeHostLink', link);
    if (this.hostLinks.has(link)) this.removeLink(link);
  }

  /** The sandboxes whose files are there, as this process names them. */
  readonly sandboxes = new Set<string>();

  endpointPresence(link: ContainerLink, netnsPath?: string): LinkPresence {
    if (link.hostEnd !== undefined && !this.links.has(link.hostEnd)) return 'gone';
    if (this.links.has(link.containerEnd)) return 'here';
    if (link.hostEnd !== undefined) return 'away';
    return netnsPath !== undefined && this.sandboxes.has(netnsPath) ? 'away' : 'gone';
  }

  missingLinks(names: readonly string[]): ReadonlySet<string> {
    return new Set(names.filter((name) => !this.links.has(name)));
  }

  isInSandbox(place: ContainerLink) {
    return this.endpoints.get(ownEnd(place))?.here === false;
  }

  async remakeEndpointLink(
    spec: Parameters<Host['remakeEndpointLink']>[0],
  ): ReturnType<Host['remakeEndpointLink']> {
    const end = ownEnd(spec);
    await this.#attempt('remakeEndpointLink', end);
    this.endpoints.set(end, { containerEnd: spec.containerEnd, here: false, mtu: spec.mtu });
    return this.warnings;
  }

  async setEndpointMtu(link: Parameters<Host['setEndpointMtu']>[0]) {
    const end = ownEnd(link);
    await this.#attempt('setEndpointMtu', end);
    const known = this.endpoints.get(end);
    if (known !== undefined) this.endpoints.set(end, { ...known, mtu: link.mtu });
  }

  async changeSandbox(
    place: Parameters<Host['changeSandbox']>[0],
    changes: readonly SandboxChange[],
  ) {
    const end = ownEnd(place);
    await this.#attempt('changeSandbox', end);
    if (this.endpoints.get(end)?.here !== false) return false;
    this.sandboxChanges.push(...changes);
    return true;
  }

  /** What containers were given of IPv6, and sent by the host's end of their link. */
  readonly ipv6Set: Parameters<Host['setSandboxIpv6']>[1][] = [];
  readonly sentInto: { readonly hostEnd: string; readonly frame: Uint8Array }[] = [];

  hasIpv6(mtu: number) {
    return mtu >= 1280;
  }

  async setSandboxIpv6(...[place, wanted]: Parameters<Host['setSandboxIpv6']>) {
    const end = ownEnd(place);
    await this.#attempt('setSandboxIpv6', end);
    if (this.endpoints.get(end)?.here !== false) return 'away';
    this.ipv6Set.push(wanted);
    return 'set';
  }

  /** Which DNS servers replace which, by the container's end. */
  readonly dnsSet = new Map<string, Parameters<Host['setSandboxDns']>[1]>();
  hostDns: ReturnType<Host['readHostDns']> = { servers: [], isOutdated: false };

  async setSandboxDns(...[place, redirects]: Parameters<Host['setSandboxDns']>) {
    const end = ownEnd(place);
    await this.#attempt('setSandboxDns', end);
    if (this.endpoints.get(end)?.here !== false) return false;
    this.dnsSet.set(place.containerEnd, redirects);
    return true;
  }

  async prepareSandboxDns(...[place, redirects]: Parameters<Host['prepareSandboxDns']>) {
    await this.#attempt('prepareSandboxDns', place.netnsPath);
    if (!this.sandboxes.has(place.netnsPath)) return false;
    this.dnsSet.set(place.containerEnd, redirects);
    return true;
  }

  async clearSandboxDns(netnsPath: string, containerEnd: string) {
    await this.#attempt('clearSandboxDns', netnsPath);
    this.dnsSet.delete(containerEnd);
  }

  readHostDns() {
    return this.hostDns;
  }

  sendInto(hostEnd: string, frames: readonly Uint8Array[]) {
    for (const frame of frames) this.sentInto.push({ hostEnd, frame });
  }

  /** What differs from links as they must be, by name. */
  readonly oddities = new Map<string, Partial<HostLink>>();
  /** Parents that are uplinks whose hub is silent. */
  readonly silentUplinks = new Map<string, { site: string; downSince: string }>();
  /** The bridge of each port. VLAN links are ports, too. */
  readonly masters = new Map<string, string>();
  readonly #indexes = new Map<string, number>();
  onChange: Parameters<Host['watchLinks']>[0] | undefined;

  indexOf(name: string): number {
    const index = this.#indexes.get(name) ?? this.#indexes.size + 1;
    this.#indexes.set(name, index);
    return index;
  }

  /** Another link has the name from now on. */
  forgetIndex(name: string): void {
    this.#indexes.set(`${name} before`, this.indexOf(name));
    this.#indexes.delete(name);
  }

  /** As it is now. */
  link(name: string): HostLink {
    const { below: parent, vlan } = fromName(name);
    const isBridge = this.#bridges.has(name);
    const isPort = this.endpoints.has(name);
    const { mtu = name.split('.').length > 2 ? 1496 : 1500 } =
      [...this.endpoints].find(([host, end]) => [host, end.containerEnd].includes(name))?.[1] ?? {};
    const own = this.hostLinks.get(name);
    const kind =
      own !== undefined
        ? 'macvlan'
        : vlan !== undefined
          ? 'vlan'
          : isBridge
            ? 'bridge'
            : isPort
              ? 'veth'
              : undefined;
    const master = this.masters.get(name);
    const below = own?.connection.lower ?? parent;
    const mark = kind === 'veth' ? 'endpoint' : kind === 'macvlan' ? 'host' : kind;
    return {
      ...{ name, altNames: [], index: this.indexOf(name), kind, mac: this.linkMac(name), mtu },
      ...{ isUp: true, hasCarrier: true },
      master: master === undefined || !this.links.has(master) ? undefined : this.indexOf(master),
      lower: below === undefined ? undefined : this.indexOf(below),
      vlan,
      mark: this.foreign.has(name) ? undefined : mark,
      ...this.oddities.get(name),
    };
  }

  async readLinks() {
    await this.#attempt('readLinks', '');
    return [...this.links].map((name) => this.link(name));
  }

  watchLinks(handlers: Parameters<Host['watchLinks']>[0]) {
    const failure = this.failing.get('watchLinks');
    if (failure !== undefined) throw failure;
    this.onChange = handlers;
    return { close: () => void (this.onChange = undefined) };
  }

  async ensureBridge({ bridge, vlanLink, parent }: Parameters<Host['ensureBridge']>[0]) {
    await this.#attempt('ensureBridge', bridge);
    this.links.add(bridge);
    this.#bridges.add(bridge);
    this.masters.set(vlanLink ?? parent, bridge);
    return [];
  }

  async attachPort({ hostEnd, bridge, rules }: Parameters<Host['attachPort']>[0]) {
    await this.#attempt('attachPort', hostEnd);
    this.#requireBridge(bridge);
    this.masters.set(hostEnd, bridge);
    this.oddities.delete(hostEnd);
    this.guards.set(hostEnd, rules);
    return [];
  }

  async renameLink(index: number, name: string) {
    await this.#attempt('renameLink', name);
    const [from] = [...this.#indexes].find(([, known]) => known === index) ?? [];
    if (from === undefined) return;
    this.links.delete(from);
    this.links.add(name);
    this.oddities.delete(from);
    this.#indexes.delete(from);
    this.#indexes.set(name, index);
    if (this.#bridges.delete(from)) this.#bridges.add(name);
    for (const [port, bridge] of this.masters) if (bridge === from) this.masters.set(port, name);
  }

  async setLinkMtu(link: string, mtu: number) {
    await this.#attempt('setLinkMtu', `${link} ${mtu}`);
    if (!this.links.has(link)) throw new Error(`Cannot find device "${link}"`);
    this.oddities.set(link, { ...this.oddities.get(link), mtu });
  }

  hostEndMac(hostEnd: string, containerMac: Mac): Mac {
    return hostEndMac(hostEnd, containerMac);
  }

  async protectNetwork({ bridge }: Parameters<Host['protectNetwork']>[0]) {
    await this.#attempt('protectNetwork', bridge ?? '');
    return [];
  }

  realName(name: string) {
    return [...this.links].find((link) => this.link(link).altNames.includes(name)) ?? name;
  }

  /** The rules of each port. */
  readonly guards = new Map<string, PortRules>();

  /** Never throws. The error that it is made to fail with becomes a sentence for each port. */
  async guardEndpoints(
    ports: Parameters<Host['guardEndpoints']>[0],
    onUnguarded?: (hostEnd: string) => void,
  ) {
    const problem = await this.#attempt(
      'guardEndpoints',
      ports.map(({ hostEnd }) => hostEnd).join(' '),
    ).catch((error: Error) => error);
    return ports.flatMap(({ hostEnd, rules }) => {
      if (problem === undefined) this.guards.set(hostEnd, rules);
      else onUnguarded?.(hostEnd);
      return problem === undefined ? [] : [`port ${hostEnd} is not guarded: ${problem.message}`];
    });
  }

  /** Links that were being made when the process was killed. */
  readonly unfinished = new Set<string>();

  async removeUnfinishedLinks() {
    await this.#attempt('removeUnfinishedLinks', '');
    const gone = [...this.unfinished];
    this.unfinished.clear();
    return gone;
  }

  async removeEndpointLink(end: string) {
    await this.#attempt('removeEndpointLink', end);
    // A link without an end in the host may be in a container.
    const isHere = this.endpoints.get(end)?.containerEnd !== end || this.links.has(end);
    if (this.endpoints.has(end) && isHere) this.loseEndpoint(end);
  }

  async listEndpointLinks() {
    await this.#attempt('listEndpointLinks', '');
    return [...this.endpoints]
      .filter(([end, { containerEnd }]) => end !== containerEnd || this.links.has(end))
      .map(([end, { here }]) => ({ end, containerEndHere: here }));
  }

  linkExists(name: string) {
    return this.links.has(name);
  }

  async ensureBridgeAccept(bridges: readonly string[]) {
    await this.#attempt('ensureBridgeAccept', bridges.join(' '));
    if (this.firewallFails) {
      const warnings = ['"iptables -S" failed: spawn EAGAIN'];
      return { hasChain: false, isAdded: false, hasFailed: true, warnings };
    }
    const missing = this.hasChain ? bridges.filter((bridge) => !this.rules.has(bridge)) : [];
    for (const bridge of missing) this.rules.add(bridge);
    if (missing.length > 0) this.changeFirewall();
    const isAdded = missing.length > 0;
    return { hasChain: this.hasChain, isAdded, hasFailed: false, warnings: this.warnings };
  }

  async removeBridgeAccept(bridge: string) {
    await this.#attempt('removeBridgeAccept', bridge);
    this.rules.delete(bridge);
    return this.warnings;
  }

  /** True if the kernel reports changes of the firewall. */
  tellsOfFirewall = true;
  #onFirewallChange: (() => void) | undefined;
  #isFirewallLookedAt = true;

  watchBridgeAccept(onChange: () => void) {
    this.#onFirewallChange = onChange;
    return {
      isTold: () => this.tellsOfFirewall,
      look: () => {
        if (!this.#isFirewallLookedAt) this.changeFirewall();
      },
      close: () => (this.#onFirewallChange = undefined),
    };
  }

  /** Reports a change as the kernel would. */
  changeFirewall(): void {
    this.#isFirewallLookedAt = true;
    this.#onFirewallChange?.();
  }

  /** A change in legacy tables, which nothing reports. */
  changeFirewallQuietly(): void {
    this.#isFirewallLookedAt = false;
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

  /** How often a call was made. */
  count(call: Call): number {
    return this.calls.filter((made) => made.startsWith(`${call} `)).length;
  }

  /**
   * The links that carry segments, by `eth1.500`, or by `eth1` for its untagged traffic. They have
   * the same names here.
   */
  readonly segmentLinks = new Map<string, string>([['eth1', 'eth1']]);
  /** The addresses that containers have; undefined if their namespaces cannot be read. */
  sandboxAddresses: ReadonlySet<Ipv4> | undefined = new Set();
  hostSubnets: readonly HostSubnet[] = [];
  /** A VLAN link has the MAC of its parent. */
  readonly macs = new Map(
    ['eth1', 'eth1.500', 'eth1.600'].map((name) => [name, '02:00:00:00:00:e1' as Mac]),
  );

  /** What Docker's macvlan driver does when a network is created: `eth1.500`. */
  addSegmentLink(name: string): void {
    this.links.add(name);
    this.foreign.add(name);
    this.segmentLinks.set(name, name);
  }

  removeSegmentLink(name: string): void {
    this.links.delete(name);
    this.foreign.delete(name);
    this.segmentLinks.delete(name);
  }

  async findSegmentLink(segment: Segment) {
    await this.#attempt('findSegmentLink', segmentName(segment));
    return this.#segmentLink(segment);
  }

  async withSegmentLink<Result>(segment: Segment, work: (link: string) => Promise<Result>) {
    const name = segmentName(segment);
    await this.#attempt('withSegmentLink', name);
    const existing = this.#segmentLink(segment);
    if (existing !== undefined) return work(existing);
    this.#requireParent(segment.parent);
    this.links.add(name);
    try {
      return await work(name);
    } finally {
      this.links.delete(name);
    }
  }

  #segmentLink(segment: Segment): string | undefined {
    const name = segmentName(segment);
    return this.segmentLinks.get(name) ?? (this.links.has(name) ? name : undefined);
  }

  #isBelow(name: string): boolean {
    return [...this.links].some((link) => fromName(link).below === name);
  }

  #requireParent(parent: string): void {
    if (this.links.has(parent)) return;
    throw new PluginError(
      'PARENT_LINK_MISSING',
      `parent link ${parent} does not exist; set --ipam-opt parent= to one of: ${[...this.links].join(', ')}`,
    );
  }

  #requireBridge(bridge: string): void {
    if (this.links.has(bridge)) return;
    throw new PluginError('LINK_CONFLICT', `bridge ${bridge} has just gone`);
  }

  #masterOf(name: string): string | undefined {
    const master = this.masters.get(name);
    return master !== undefined && this.links.has(master) ? master : undefined;
  }

  listSandboxAddresses() {
    return this.sandboxAddresses;
  }

  async readHostSubnets() {
    await this.#attempt('readHostSubnets', '');
    return this.hostSubnets;
  }

  silentUplink(parent: string) {
    return Promise.resolve(this.silentUplinks.get(parent));
  }

  linkMac(name: string) {
    return this.macs.get(name);
  }

  async #attempt(call: Call, link: string): Promise<void> {
    this.calls.push(`${call} ${link}`);
    await Promise.resolve();
    const problem = this.failing.get(call);
    if (problem !== undefined) throw problem;
  }
}

function segmentName({ parent, vlan }: Segment): string {
  return vlan === undefined ? parent : `${parent}.${vlan}`;
}

function outerName({ parent, vlan }: Segment): string | undefined {
  const tag = outerTagOf(vlan);
  return tag && outerLinkName(parent, tag);
}

/** Links of one tag are `eth1.500` and `eth1.10ad`, links of two tags are `eth1.10.500`. */
function fromName(name: string): { below?: string; vlan: HostLink['vlan'] } {
  const [, stacked = '', inner] = /^(.+\.\d+q?)\.(\d+)$/.exec(name) ?? [];
  if (inner !== undefined) {
    const below = stacked.endsWith('q') ? stacked.slice(0, -1) : `${stacked}ad`;
    return { below, vlan: { id: Number(inner), protocol: '802.1Q' } };
  }
  const [, below, id, ad] = /^(.+)\.(\d+)(ad)?$/.exec(name) ?? [];
  if (below === undefined) return { vlan: undefined };
  return { below, vlan: { id: Number(id), protocol: ad === undefined ? '802.1Q' : '802.1ad' } };
}
