/** A host without a kernel: which links and rules there would be. Every call can be made to fail. */
import { PluginError } from '../../plugin/vocabulary/errors.ts';
import type { Host, HostLink, HostSubnet, NetworkLinkSpec, Segment } from '../../plugin/host.ts';
import type { PortRules } from '../../plugin/vocabulary/port-rules.ts';
import type { SandboxChange } from '../../plugin/vocabulary/sandbox-change.ts';
import type { Ipv4, Mac } from '../../plugin/wire/address.ts';

type Call = keyof Host;

export class FakeHost implements Host {
  /** Every link there is; a test adds and removes at will. */
  readonly links = new Set(['eth1']);
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

  /** With functions that need no `this`, as those of `linuxHost`; what a test replaces later is what is called. */
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
    const uplinkPort = !this.links.has(spec.bridge);
    this.links.add(spec.bridge);
    if (vlanLink !== undefined) this.links.add(vlanLink);
    for (const name of [spec.bridge, vlanLink ?? spec.parent]) this.oddities.delete(name);
    this.masters.set(vlanLink ?? spec.parent, spec.bridge);
    const theirs = this.foreign.has(spec.bridge) ? (['bridge'] as const) : [];
    const mtu = spec.mtu ?? 1500;
    return { vlanLink, mtu, created: { uplinkPort }, theirs, warnings: this.warnings };
  }

  async removeNetworkLinks({ bridge, vlanLink }: Parameters<Host['removeNetworkLinks']>[0]) {
    await this.#attempt('removeNetworkLinks', bridge);
    for (const link of [bridge, vlanLink]) {
      if (link !== undefined && !this.foreign.has(link)) this.links.delete(link);
    }
    return this.warnings;
  }

  /** Bridges and VLAN links with our mark that no network has. */
  readonly orphans = new Set<string>();

  async removeOrphanLinks(known: readonly string[]) {
    await this.#attempt('removeOrphanLinks', known.join());
    const gone = [...this.orphans].filter((name) => !known.includes(name));
    for (const name of gone) this.orphans.delete(name);
    return gone;
  }

  async ensureEndpointLink(spec: Parameters<Host['ensureEndpointLink']>[0]) {
    await this.#attempt('ensureEndpointLink', spec.hostEnd);
    this.links.add(spec.hostEnd).add(spec.containerEnd);
    this.endpoints.set(spec.hostEnd, {
      containerEnd: spec.containerEnd,
      here: true,
      mtu: spec.mtu,
    });
    this.guards.set(spec.hostEnd, spec.rules);
    this.masters.set(spec.hostEnd, spec.bridge);
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

  /** What differs from links as they should be; by name. */
  readonly oddities = new Map<string, Partial<HostLink>>();
  /** Bridge of each port, VLAN links among them. */
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
    const isBridge = [...this.masters.values()].includes(name);
    const isPort = this.endpoints.has(name);
    const kind = vlan !== undefined ? 'vlan' : isBridge ? 'bridge' : isPort ? 'veth' : undefined;
    const master = this.masters.get(name);
    const mark = kind === 'veth' ? 'endpoint' : kind;
    return {
      ...{ name, altNames: [], index: this.indexOf(name), kind, mac: undefined, mtu: 1500 },
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
    this.masters.set(vlanLink ?? parent, bridge);
    return [];
  }

  async attachPort({ hostEnd, bridge, rules }: Parameters<Host['attachPort']>[0]) {
    await this.#attempt('attachPort', hostEnd);
    this.masters.set(hostEnd, bridge);
    this.oddities.delete(hostEnd);
    this.guards.set(hostEnd, rules);
    return [];
  }

  async renameLink(index: number, name: string) {
    await this.#attempt('renameLink', name);
    const [from] = [...this.#indexes].find(([, known]) => known === index) ?? [];
    if (from === undefined) throw new Error(`no link ${index}`);
    this.links.delete(from);
    this.links.add(name);
    this.oddities.delete(from);
  }

  async setLinkMtu(link: string, mtu: number) {
    await this.#attempt('setLinkMtu', `${link} ${mtu}`);
    this.oddities.set(link, { ...this.oddities.get(link), mtu });
  }

  hostEndMac(hostEnd: string): Mac {
    return `fe:${hostEnd}` as Mac;
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

  /** It never throws: what it is made to fail with becomes a sentence for each port. */
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
    this.loseEndpoint(hostEnd);
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

  /** Whether the kernel tells of changes to the firewall. */
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

  /** Tells of it as the kernel would. */
  changeFirewall(): void {
    this.#isFirewallLookedAt = true;
    this.#onFirewallChange?.();
  }

  /** In legacy tables: nobody tells. */
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

  /** Both ends go, as when a sandbox is destroyed. */
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

  /** The links that carry segments, by `eth1.500`, or `eth1` for its untagged traffic; here under their own names. */
  readonly segmentLinks = new Map<string, string>([['eth1', 'eth1']]);
  /** What containers have configured; undefined: their namespaces cannot be looked into. */
  sandboxAddresses: ReadonlySet<Ipv4> | undefined = new Set();
  hostSubnets: readonly HostSubnet[] = [];
  /** A VLAN link has its parent's. */
  readonly macs = new Map(
    ['eth1', 'eth1.500', 'eth1.600'].map((name) => [name, '02:00:00:00:00:e1' as Mac]),
  );

  /** What Docker's macvlan driver does when a network is created: `eth1.500`. */
  addSegmentLink(name: string): void {
    this.links.add(name);
    this.segmentLinks.set(name, name);
  }

  removeSegmentLink(name: string): void {
    this.links.delete(name);
    this.segmentLinks.delete(name);
  }

  async findSegmentLink(segment: Segment) {
    await this.#attempt('findSegmentLink', segmentName(segment));
    return this.segmentLinks.get(segmentName(segment));
  }

  async withSegmentLink<Result>(segment: Segment, work: (link: string) => Promise<Result>) {
    const name = segmentName(segment);
    await this.#attempt('withSegmentLink', name);
    const existing = this.segmentLinks.get(name);
    if (existing !== undefined) return work(existing);
    if (!this.links.has(segment.parent)) {
      throw new PluginError(
        'PARENT_LINK_MISSING',
        `parent link ${segment.parent} does not exist; set --ipam-opt parent= to one of: ${[...this.links].join(', ')}`,
      );
    }
    this.segmentLinks.set(name, name);
    try {
      return await work(name);
    } finally {
      this.segmentLinks.delete(name);
    }
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
