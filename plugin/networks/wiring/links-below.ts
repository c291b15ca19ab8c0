/**
 * Notices that the link below containers without a bridge is another than before. The kernel
 * removes macvlan and ipvlan links with the link below them. With ipvlan, containers have the MAC
 * of that link, so another MAC counts, too. With the MTU of that link the kernel changes those of
 * the containers, in ways that differ: macvlan links only get smaller, ipvlan links always get the
 * same. So another MTU counts, as well. Notices also that the host's own link to its containers
 * is gone, and that the parent of a network has its carrier back.
 */
import type { HostLink } from '../../host.ts';
import { hostLinkName } from '../../options/endpoint-identity.ts';
import { attachmentOf } from '../../state/attachments/attachments.ts';
import { linkNamed, uplinkOf } from '../../state/link-chain.ts';
import type { NetworkRecord } from '../../state/records.ts';
import type { WiredNetwork } from './wiring-plan.ts';

/** True if the host's own link to the containers is gone, or down, or on another link. */
function lacksHostLink(
  links: readonly HostLink[],
  { id, options }: NetworkRecord,
  below: HostLink,
): boolean {
  if (!options.hostAccess) return false;
  const link = linkNamed(links, hostLinkName(id));
  return link?.mark !== 'host' || !link.isUp || link.lower !== below.index;
}

export interface LinksBelowTold {
  /** The parent had no carrier, or was not there. It has one now. */
  readonly carrierIsBack: (networkId: string) => void;
  /** The link below a network's containers is another than before. Their links went with it. */
  readonly linkBelowIsNew: (networkId: string) => Promise<void>;
  /** Its MTU is another than before. The kernel may have changed that of the containers. */
  readonly mtuBelowIsNew: (networkId: string) => void;
  /** The link below is the same. The host's own link to the containers is missing. */
  readonly hostLinkIsMissing: (networkId: string) => void;
}

export class LinksBelow {
  readonly #told: LinksBelowTold;
  /** Index and MAC, by network. Bounded by the networks since the start. */
  readonly #known = new Map<string, string>();
  /** By network. Bounded as `#known` is. */
  readonly #mtus = new Map<string, number>();
  readonly #carriers = new Map<string, boolean>();

  constructor(told: LinksBelowTold) {
    this.#told = told;
  }

  /** At a start nothing is known of the time before. So each network is told then. */
  async look(links: readonly HostLink[], networks: readonly WiredNetwork[]): Promise<void> {
    for (const { network } of networks) {
      this.#lookAtCarrier(links, network);
      const attachment = attachmentOf(network);
      if (attachment.bridgeOfPorts(network) !== undefined) continue;
      const { id, options, vlanLink } = network;
      const below = uplinkOf(links, options, linkNamed(links, options.parent), vlanLink);
      if (below?.isUp !== true) continue;
      const mac = attachment.isMacShared ? below.mac : undefined;
      const seen = `${below.index} ${mac ?? ''}`;
      if (seen !== this.#known.get(id)) {
        this.#known.set(id, seen);
        await this.#told.linkBelowIsNew(id);
      } else if (lacksHostLink(links, network, below)) {
        this.#told.hostLinkIsMissing(id);
      }
      if (below.mtu === this.#mtus.get(id)) continue;
      this.#mtus.set(id, below.mtu);
      this.#told.mtuBelowIsNew(id);
    }
  }

  #lookAtCarrier(links: readonly HostLink[], { id, options }: NetworkRecord): void {
    const hasCarrier = linkNamed(links, options.parent)?.hasCarrier === true;
    const hadCarrier = this.#carriers.get(id);
    this.#carriers.set(id, hasCarrier);
    if (hadCarrier === false && hasCarrier) this.#told.carrierIsBack(id);
  }
}
