/**
 * A host without a kernel: the links and rules that it would have. Every call can be made to fail.
 */
import { hostEndMac } from '../../plugin/net/links/link-names.ts';
import { PluginError } from '../../plugin/vocabulary/errors.ts';
import type { Host, HostLink, HostSubnet, NetworkLinkSpec, Segment } from '../../plugin/host.ts';
import type { PortRules } from '../../plugin/vocabulary/port-rules.ts';
import type { SandboxChange } from '../../plugin/vocabulary/sandbox-change.ts';
import type { Ipv4, Mac } from '../../plugin/wire/address.ts';

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
    await this.#attempt('ensureNetworkLinks', spec.bridge);
    const vlanLink = spec.vlan === undefined ? undefined : `${spec.parent}.${spec.vlan}`;
    const uplink = vlanLink ?? spec.parent;
    this.#requireParent(spec.parent);
    const uplinkPort = !this.links.has(uplink) || this.#masterOf(uplink) !== spec.bridge;
    this.#bridges.add(spec.bridge);
    this.links.add(spec.bridge).add(uplink);
    for (const name of [spec.bridge, uplink]) this.oddities.delete(name);
    this.masters.set(uplink, spec.bridge);
    const theirs = [
      ...(this.foreign.has(spec.bridge) ? (['bridge'] as const) : []),
      ...(vlanLink !== undefined && this.foreign.has(vlanLink) ? (['vlan-link'] as const) : []),
    ];
    const mtu = spec.mtu ?? 1500;
    return { vlanLink, mtu, created: { uplinkPort }, theirs, warnings: this.warnings };
  }

  async removeNetworkLinks({ bridge, vlanLink }: Parameters<Host['removeNetworkLinks']>[0]) {
    await this.#attempt('removeNetworkLinks', bridge);
    for (const link of [bridge, vlanLink]) {
      if (link !== undefined && !this.foreign.has(link)) this.removeLink(link);
    }
    return this.warnings;
  }

  async removeOrphanLinks(known: readonly string[]) {
    await this.#attempt('removeOrphanLinks', known.join());
    const bridges = [...this.#bridges].filter((bridge) => {
      const ports = [...this.masters].filter(([, master]) => master === bridge);
      const isUsed = ports.some(([port]) => this.endpoints.has(port));
      return !this.foreign.has(bridge) && !known.includes(bridge) && !isUsed;
    });
    for (const name of bridges) this.removeLink(name);
    const vlanLinks = [...this.links].filter(
      (name) => this.link(name).mark === 'vlan' && !this.masters.has(name) && !known.includes(name),
    );
    for (const name of vlanLinks) this.removeLink(name);
    return [...bridges, ...vlanLinks];
  }

  /** Whoever removes a link; a bridge's ports are in none then. */
  removeLink(name: string): void {
    this.links.delete(name);
    this.#bridges.delete(name);
    this.masters.delete(name);
    for (const [port, bridge] of this.masters) if (bridge === name) this.masters.delete(port);
  }

  addBridge(name: string): void {
    this.links.add(name);
    this.#bridges.add(name);
  }

  async ensureEndpointLink(spec: Parameters<Host['ensureEndpointLink']>[0]) {
    await this.#attempt('ensureEndpointLink', spec.hostEnd);
    if (this.links.has(spec.hostEnd) && !this.endpoints.has(spec.hostEnd))
      throw new PluginError('LINK_CONFLICT', `link ${spec.hostEnd} exists and is not one of ours`);
    this.#requireBridge(spec.bridge);
    this.links.add(spec.hostEnd).add(spec.containerEnd);
    this.endpoints.set(spec.hostEnd, {
      containerEnd: spec.containerEnd,
      here: true,
      mtu: spec.mtu,
    });
    this.guards.set(spec.hostEnd, spec.rules);
    this.masters.set(spec.hostEnd, spec.bridge);
    this.macs.set(spec.hostEnd, hostEndMac(spec.hostEnd, spec.mac));
    this.macs.set(spec.containerEnd, spec.mac);
    return this.warnings;
  }

  async setEndpointMtu({ hostEnd, mtu }: Parameters<Host['setEndpointMtu']>[0]) {
    await this.#attempt('setEndpointMtu', hostEnd);
    const link = this.endpoints.get(hostEnd);
    if (link !== undefined) this.endpoints.set(hostEnd, { ...link, mtu });
  }

  async changeSandbox(
    { hostEnd }: Parameters<Host['changeSandbox']>[0],
    changes: readonly SandboxChange[],
  ) {
    await this.#attempt('changeSandbox', hostEnd);
    if (this.endpoints.get(hostEnd)?.here !== false) return false;
    this.sandboxChanges.push(...changes);
    return true;
  }

  /** What differs from links as they must be, by name. */
  readonly oddities = new Map<string, Partial<HostLink>>();
  /** The bridge of each port. VLAN links are ports, too. */
  readonly masters = new Map<string, string>();
  readonly #indexes = new Map<string, number>();
  onChange: Parameters<Host['watchLinks']>[0] | undefined;

  indexOf(name: string): number {
    const index = this.#indexes.get(name) ?? this.#indexes.size + 1;
    this.#indexes.set(name, index);
    return index;
  }

  /** As it is now. */
  link(name: string): HostLink {
    const [, parent, vlan] = /^(.+)\.(\d+)$/.exec(name) ?? [];
    const isBridge = this.#bridges.has(name);
    const isPort = this.endpoints.has(name);
    const { mtu = 1500 } =
      [...this.endpoints].find(([host, end]) => [host, end.containerEnd].includes(name))?.[1] ?? {};
    const kind = vlan !== undefined ? 'vlan' : isBridge ? 'bridge' : isPort ? 'veth' : undefined;
    const master = this.masters.get(name);
    const mark = kind === 'veth' ? 'endpoint' : kind;
    return {
      ...{ name, altNames: [], index: this.indexOf(name), kind, mac: this.linkMac(name), mtu },
      ...{ isUp: true, hasCarrier: true },
      master: master === undefined || !this.links.has(master) ? undefined : this.indexOf(master),
      lower: parent === undefined ? undefined : this.indexOf(parent),
      vlan: vlan === undefined ? undefined : { id: Number(vlan), protocol: '802.1Q' },
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
    await this.#attempt('protectNetwork', bridge);
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

  async removeEndpointLink(hostEnd: string) {
    await this.#attempt('removeEndpointLink', hostEnd);
    if (this.endpoints.has(hostEnd)) this.loseEndpoint(hostEnd);
  }

  async listEndpointLinks() {
    await this.#attempt('listEndpointLinks', '');
    return [...this.endpoints].map(([hostEnd, { here }]) => ({ hostEnd, containerEndHere: here }));
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
  moveIntoSandbox(hostEnd: string): void {
    const link = this.endpoints.get(hostEnd);
    if (link === undefined) throw new Error(`no link ${hostEnd}`);
    this.links.delete(link.containerEnd);
    this.endpoints.set(hostEnd, { ...link, here: false });
  }

  /** Both ends are removed, as when a sandbox is destroyed. */
  loseEndpoint(hostEnd: string): void {
    const link = this.endpoints.get(hostEnd);
    this.links.delete(hostEnd);
    if (link !== undefined) this.links.delete(link.containerEnd);
    this.endpoints.delete(hostEnd);
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
