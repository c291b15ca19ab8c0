/**
 * Decides which changes of the host's links matter to the networks. It is asked for every link that
 * changes, so it must be cheap.
 */
import type { HostLink } from '../host.ts';
import { linksOf } from '../state/attachments/attachments.ts';
import type { Registry } from '../state/registry.ts';
import { linkNamed } from '../state/link-chain.ts';
import type { WiredNetwork } from './wiring-plan.ts';

export class WatchedLinks {
  readonly #registry: Registry;
  /** The last seen state of the networks' links, by index. Bounded by the number of links. */
  #seen = new Map<number, string>();

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** True if it was a network's link at the last look. */
  has(index: number): boolean {
    return this.#seen.has(index);
  }

  remember(links: readonly HostLink[], networks: readonly WiredNetwork[]): void {
    this.#seen = new Map();
    const note = (link: HostLink | undefined) =>
      link && this.#seen.set(link.index, signature(link));
    for (const { network, ports } of networks) {
      for (const name of [network.options.parent, ...linksOf(network)])
        note(linkNamed(links, name));
      for (const { hostEnd } of ports) note(linkNamed(links, hostEnd));
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
    const names = [link.name, ...link.altNames];
    const isOfNetwork = registry
      .networks()
      .some((network) =>
        [network.options.parent, ...linksOf(network)].some((name) => names.includes(name)),
      );
    if (isOfNetwork) return true;
    if (link.mark !== 'endpoint') return false;
    // A container's port that is new since the last look. It was made right, so it is only noted.
    const isWired = link.isUp && link.master !== undefined && this.#seen.has(link.master);
    if (!registry.endpoints().some(({ hostEnd }) => hostEnd === link.name)) return false;
    if (isWired) this.#seen.set(link.index, signature(link));
    return !isWired;
  }
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
}: HostLink): string {
  // the carrier comes and goes with the container
  const carrier = kind === 'veth' && mark === 'endpoint' ? '' : hasCarrier;
  return [name, master, lower, mtu, isUp, carrier, mark, vlan?.id, vlan?.protocol].join(' ');
}
