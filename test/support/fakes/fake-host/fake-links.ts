/** The links of a host without a kernel. Every call can be made to fail. */
import { PluginError } from '../../../../plugin/vocabulary/errors.ts';
import type { Host, HostLink } from '../../../../plugin/host.ts';
import type { Mac } from '../../../../plugin/wire/address.ts';

export type Call = keyof Host;

export class FakeLinks {
  /** Every link there is. A test may add and remove links. */
  readonly links = new Set(['eth1']);
  protected readonly bridges = new Set<string>();
  /** Host ends of ours, and whether the container end is in this namespace. */
  readonly endpoints = new Map<string, { containerEnd: string; here: boolean; mtu: number }>();
  /** Links that were there before us. */
  readonly foreign = new Set<string>();
  /** The host's own links to containers, and their addresses. */
  readonly hostLinks = new Map<string, Parameters<Host['ensureHostLink']>[0]>();
  /** What differs from links as they must be, by name. */
  readonly oddities = new Map<string, Partial<HostLink>>();
  /** The bridge of each port. VLAN links are ports, too. */
  readonly masters = new Map<string, string>();
  /** A VLAN link has the MAC of its parent. */
  readonly macs = new Map(
    ['eth1', 'eth1.500', 'eth1.600'].map((name) => [name, '02:00:00:00:00:e1' as Mac]),
  );
  readonly #indexes = new Map<string, number>();
  readonly calls: string[] = [];
  readonly failing = new Map<Call, Error>();
  warnings: string[] = [];
  onChange: Parameters<Host['watchLinks']>[0] | undefined;

  addBridge(name: string): void {
    this.links.add(name);
    this.bridges.add(name);
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

  /** Whoever removes a link; a bridge's ports are in none then. */
  removeLink(name: string): void {
    this.links.delete(name);
    this.bridges.delete(name);
    this.masters.delete(name);
    this.hostLinks.delete(name);
    for (const { link, connection } of [...this.hostLinks.values()]) {
      if (connection.lower === name) this.removeLink(link);
    }
    for (const [port, bridge] of this.masters) if (bridge === name) this.masters.delete(port);
  }

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
    const isBridge = this.bridges.has(name);
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

  linkExists(name: string) {
    return this.links.has(name);
  }

  linkMac(name: string) {
    return this.macs.get(name);
  }

  realName(name: string) {
    return [...this.links].find((link) => this.link(link).altNames.includes(name)) ?? name;
  }

  missingLinks(names: readonly string[]): ReadonlySet<string> {
    return new Set(names.filter((name) => !this.links.has(name)));
  }

  async readLinks() {
    await this.attempt('readLinks', '');
    return [...this.links].map((name) => this.link(name));
  }

  watchLinks(handlers: Parameters<Host['watchLinks']>[0]) {
    const failure = this.failing.get('watchLinks');
    if (failure !== undefined) throw failure;
    this.onChange = handlers;
    return { close: () => void (this.onChange = undefined) };
  }

  async renameLink(index: number, name: string) {
    await this.attempt('renameLink', name);
    const [from] = [...this.#indexes].find(([, known]) => known === index) ?? [];
    if (from === undefined) return;
    this.links.delete(from);
    this.links.add(name);
    this.oddities.delete(from);
    this.#indexes.delete(from);
    this.#indexes.set(name, index);
    if (this.bridges.delete(from)) this.bridges.add(name);
    for (const [port, bridge] of this.masters) if (bridge === from) this.masters.set(port, name);
  }

  async setLinkMtu(link: string, mtu: number) {
    await this.attempt('setLinkMtu', `${link} ${mtu}`);
    if (!this.links.has(link)) throw new Error(`Cannot find device "${link}"`);
    this.oddities.set(link, { ...this.oddities.get(link), mtu });
  }

  /** How often a call was made. */
  count(call: Call): number {
    return this.calls.filter((made) => made.startsWith(`${call} `)).length;
  }

  protected async attempt(call: Call, link: string): Promise<void> {
    this.calls.push(`${call} ${link}`);
    await Promise.resolve();
    const problem = this.failing.get(call);
    if (problem !== undefined) throw problem;
  }

  protected requireParent(parent: string): void {
    if (this.links.has(parent)) return;
    throw new PluginError(
      'PARENT_LINK_MISSING',
      `parent link ${parent} does not exist; set --ipam-opt parent= to one of: ${[...this.links].join(', ')}`,
    );
  }

  protected requireBridge(bridge: string): void {
    if (this.links.has(bridge)) return;
    throw new PluginError('LINK_CONFLICT', `bridge ${bridge} has just gone`);
  }

  protected masterOf(name: string): string | undefined {
    const master = this.masters.get(name);
    return master !== undefined && this.links.has(master) ? master : undefined;
  }

  protected isBelow(name: string): boolean {
    return [...this.links].some((link) => fromName(link).below === name);
  }
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
