/**
 * Decides which changes of the host's links matter to the networks. It is asked for every link that
 * changes, so it must be cheap. Lists what the networks need.
 */
import type { Host, HostLink } from '../../host.ts';
import { linksOf } from '../../state/attachments/attachments.ts';
import type { NetworkRecord } from '../../state/records.ts';
import type { Registry } from '../../state/registry.ts';
import { linkNamed } from '../../state/link-chain.ts';
import type { Mac } from '../../wire/address.ts';
import type { WiredNetwork, WiredPort } from './wiring-plan.ts';

export class WatchedLinks {
  readonly #registry: Registry;
  /** The last seen state of the networks' links, by index. Bounded by the number of links. */
  #seen = new Map<number, string>();
  #vlanMembers = new Set<number>();
  /** The MACs of our VLAN links. Their filters know them. */
  #macs = new Map<number, Mac | undefined>();

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** True if it was a network's link at the last look. */
  has(index: number): boolean {
    return this.#seen.has(index);
  }

  /**
   * Forgets a link that is gone.
   * @returns true if a network needs it. A port ends with its container: nothing is to be repaired.
   */
  gone({ index, mark }: HostLink): boolean {
    return (this.#seen.delete(index) && mark !== 'endpoint') || mark === 'host';
  }

  /** True if it is a VLAN link of ours that had another MAC at the last look. */
  hasNewMac({ index, mac }: HostLink): boolean {
    return this.#macs.has(index) && this.#macs.get(index) !== mac;
  }

  /** True if a network has put that link into its VLAN, on an operator's bridge. */
  isVlanMember(index: number): boolean {
    return this.#vlanMembers.has(index);
  }

  remember(links: readonly HostLink[], networks: readonly WiredNetwork[]): void {
    this.#seen = new Map();
    this.#vlanMembers = new Set();
    this.#macs = new Map();
    const note = (link: HostLink | undefined) => {
      if (link === undefined) return;
      this.#seen.set(link.index, signature(link));
      if (link.mark === 'vlan') this.#macs.set(link.index, link.mac);
    };
    for (const { network, ports } of networks) {
      for (const name of [network.options.parent, ...linksOf(network)])
        note(linkNamed(links, name));
      for (const name of network.vlanMembers ?? []) {
        const member = linkNamed(links, name);
        note(member);
        if (member !== undefined) this.#vlanMembers.add(member.index);
      }
      const isOnVlanBridge = network.options.mode === 'vlan-bridge';
      for (const { hostEnd } of ports) {
        const port = linkNamed(links, hostEnd);
        note(port);
        if (isOnVlanBridge && port !== undefined) this.#vlanMembers.add(port.index);
      }
    }
  }

  /**
   * True if a change of that link needs a look. It is asked for every link of the host that
   * changes.
   */
  matters(link: HostLink): boolean {
    const seen = this.#seen.get(link.index);
    if (seen !== undefined) return seen !== signature(link);
    const registry = this.#registry;
    const names = namesOf(registry.networks());
    if (names.has(link.name) || link.altNames.some((name) => names.has(name))) return true;
    if (link.mark === 'host') return !link.isUp; // the host's own link: it must be up
    if (link.mark !== 'endpoint') return false;
    // A container's port that is new since the last look. It was made right, so it is only noted.
    const isWired = link.isUp && link.master !== undefined && this.#seen.has(link.master);
    if (registry.findEndpointOn(link.name) === undefined) return false;
    if (isWired) this.#seen.set(link.index, signature(link));
    return !isWired;
  }
}

/** Networks on one segment have the same wiring. Each port belongs to one of them. */
export function wiredNetworks({
  registry,
  host,
}: {
  readonly registry: Registry;
  readonly host: Pick<Host, 'hostEndMac'>;
}): readonly WiredNetwork[] {
  const ports = new Map<string, WiredPort[]>();
  for (const { id, networkId, hostEnd, mac } of registry.endpoints()) {
    if (hostEnd === undefined) continue; // it has no port
    const port = {
      ...{ endpointId: id, hostEnd },
      // Few are asked for it.
      get mac() {
        return host.hostEndMac(hostEnd, mac);
      },
    };
    const others = ports.get(networkId);
    if (others === undefined) ports.set(networkId, [port]);
    else others.push(port);
  }
  return registry
    .networks()
    .filter(({ isUnfinished }) => isUnfinished !== true) // its maker or remover does the rest
    .map((network) => ({ network, ports: ports.get(network.id) ?? [] }));
}

/** The names for each list of networks. The registry makes a new list when a network changes. */
const namesByList = new WeakMap<readonly NetworkRecord[], ReadonlySet<string>>();

function namesOf(networks: readonly NetworkRecord[]): ReadonlySet<string> {
  const known = namesByList.get(networks);
  if (known !== undefined) return known;
  const names = new Set(networks.flatMap((one) => [one.options.parent, ...linksOf(one)]));
  namesByList.set(networks, names);
  return names;
}

/** The properties of a link that matter to a network. */
function signature({
  name,
  master,
  lower,
  mtu,
  isUp,
  hasCarrier,
  mark,
  vlan,
  kind,
  mac,
  vlanFilter,
}: HostLink): string {
  // The carrier and the other end of a port come and go with the container.
  const isPort = kind === 'veth' && mark === 'endpoint';
  const below = isPort ? '' : `${hasCarrier} ${lower} ${mac}`;
  const tag = `${vlan?.id} ${vlan?.protocol} ${vlanFilter?.defaultPvid}`;
  return [name, master, below, mtu, isUp, mark, tag].join(' ');
}
