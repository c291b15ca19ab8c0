/** What a network has on the host: bridges, VLAN links, and the links of segments. */
import { outerLinkName } from '../../../../plugin/net/links/link-names.ts';
import type { Host, HostSubnet, NetworkLinkSpec } from '../../../../plugin/host.ts';
import {
  isInRanges,
  mtuBehindTags,
  outerTagOf,
  type Segment,
} from '../../../../plugin/vocabulary/vlan-tags.ts';
import { FakeFirewall } from './fake-firewall.ts';

export class FakeNetworks extends FakeFirewall {
  /** Links that were being made when the process was killed. */
  readonly unfinished = new Set<string>();
  /**
   * The links that carry segments, by `eth1.500`, or by `eth1` for its untagged traffic. They have
   * the same names here.
   */
  readonly segmentLinks = new Map<string, string>([['eth1', 'eth1']]);
  /** Parents that are uplinks whose hub is silent. */
  readonly silentUplinks = new Map<string, { site: string; downSince: string }>();
  hostSubnets: readonly HostSubnet[] = [];

  async ensureNetworkLinks(spec: NetworkLinkSpec) {
    await this.attempt('ensureNetworkLinks', spec.bridge ?? spec.mode);
    const vlanLink = spec.vlan === undefined ? undefined : `${spec.parent}.${spec.vlan}`;
    const uplink = vlanLink ?? spec.parent;
    this.requireParent(spec.parent);
    const { bridge } = spec;
    const isPort = bridge !== undefined && this.masterOf(uplink) === bridge;
    const uplinkPort = bridge !== undefined && !(this.links.has(uplink) && isPort);
    if (bridge !== undefined) {
      this.bridges.add(bridge);
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
    await this.attempt('removeNetworkLinks', bridge ?? vlanLink ?? '');
    for (const link of [bridge, vlanLink]) {
      if (link !== undefined && !this.foreign.has(link)) this.removeLink(link);
    }
    const outer = outerName(links);
    if (outer !== undefined && !this.foreign.has(outer) && !this.isBelow(outer)) {
      this.removeLink(outer);
    }
    for (const name of links.vlanMembers ?? []) {
      const vlans = this.link(name).vlans?.filter(([first]) => first !== links.vlan) ?? [];
      this.oddities.set(name, { ...this.oddities.get(name), vlans });
    }
    return this.warnings;
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
    await this.attempt('removeOrphanLinks', known.join());
    const own = [...this.hostLinks.keys()].filter((link) => !known.includes(link));
    for (const link of own) this.removeLink(link);
    const bridges = [...this.bridges].filter((bridge) => {
      const ports = [...this.masters].filter(([, master]) => master === bridge);
      const isUsed = ports.some(([port]) => this.endpoints.has(port));
      return !this.foreign.has(bridge) && !known.includes(bridge) && !isUsed;
    });
    for (const name of bridges) this.removeLink(name);
    const vlanLinks = [...this.links].filter(
      (name) => this.link(name).mark === 'vlan' && !this.masters.has(name) && !known.includes(name),
    );
    for (const name of vlanLinks) if (!this.isBelow(name)) this.removeLink(name);
    for (const name of vlanLinks) if (!this.isBelow(name)) this.removeLink(name);
    return [...own, ...bridges, ...vlanLinks.filter((name) => !this.links.has(name))];
  }

  async removeUnfinishedLinks() {
    await this.attempt('removeUnfinishedLinks', '');
    const gone = [...this.unfinished];
    this.unfinished.clear();
    return gone;
  }

  async ensureBridge({ bridge, vlanLink, parent }: Parameters<Host['ensureBridge']>[0]) {
    await this.attempt('ensureBridge', bridge);
    this.links.add(bridge);
    this.bridges.add(bridge);
    this.masters.set(vlanLink ?? parent, bridge);
    return [];
  }

  async protectNetwork({ bridge }: Parameters<Host['protectNetwork']>[0]) {
    await this.attempt('protectNetwork', bridge ?? '');
    return [];
  }

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
    await this.attempt('findSegmentLink', segmentName(segment));
    return this.#segmentLink(segment);
  }

  async withSegmentLink<Result>(segment: Segment, work: (link: string) => Promise<Result>) {
    const name = segmentName(segment);
    await this.attempt('withSegmentLink', name);
    const existing = this.#segmentLink(segment);
    if (existing !== undefined) return work(existing);
    this.requireParent(segment.parent);
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

  async readHostSubnets() {
    await this.attempt('readHostSubnets', '');
    return this.hostSubnets;
  }

  silentUplink(parent: string) {
    return Promise.resolve(this.silentUplinks.get(parent));
  }
}

function segmentName({ parent, vlan }: Segment): string {
  return vlan === undefined ? parent : `${parent}.${vlan}`;
}

function outerName({ parent, vlan }: Segment): string | undefined {
  const tag = outerTagOf(vlan);
  return tag && outerLinkName(parent, tag);
}
