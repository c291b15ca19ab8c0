/**
 * Puts back the filters on a network's links and ports after something removed them, or after a
 * link got another MAC. These filters close the VLAN to the host, and hold containers to their
 * rules. The links are known by index.
 */
import type { Logger } from '../../logger.ts';
import type { Host } from '../../host.ts';
import type { PortGuard } from '../port-guard.ts';
import { linksOf } from '../../state/attachments/attachments.ts';
import type { NetworkRecord } from '../../state/records.ts';
import type { Mac } from '../../wire/address.ts';
import type { Registry } from '../../state/registry.ts';

export interface LinkProtectionDeps {
  readonly registry: Registry;
  readonly host: Host;
  /** Tries again by itself what it could not guard. */
  readonly ports: Pick<PortGuard, 'guard' | 'guardAll'>;
  readonly log: Logger;
}

export class LinkProtection {
  readonly #registry: Registry;
  readonly #host: Host;
  readonly #ports: LinkProtectionDeps['ports'];
  readonly #log: Logger;
  /** Links whose filter was removed. Bounded by the number of links. */
  readonly #open = new Set<number>();

  constructor({ registry, host, ports, log }: LinkProtectionDeps) {
    this.#registry = registry;
    this.#host = host;
    this.#ports = ports;
    this.#log = log;
  }

  /** Notes that `putBack` must put back the filter of that link. */
  lost(index: number): void {
    this.#open.add(index);
  }

  /** The link itself is gone. */
  gone(index: number): void {
    this.#open.delete(index);
  }

  /** True if `putBack` has something to do. */
  get hasLost(): boolean {
    return this.#open.size > 0;
  }

  /**
   * Puts back the lost filters. @returns false if one could not be put back. It is logged and stays
   * lost.
   */
  async putBack(): Promise<boolean> {
    if (this.#open.size === 0) return true;
    const links = await this.#host.readLinks();
    let isAll = true;
    for (const index of [...this.#open]) {
      const link = links.find((one) => one.index === index);
      if (link === undefined || (await this.#close(link.name))) this.#open.delete(index);
      else isAll = false;
    }
    return isAll;
  }

  /**
   * Puts back the filters of the links of all networks, lost or not. @returns false if one could
   * not be put back, which is logged.
   */
  async putBackAll({ ports }: { ports: boolean }): Promise<boolean> {
    if (ports) await this.#ports.guardAll();
    const networks = this.#registry.networks().filter(({ isUnfinished }) => isUnfinished !== true);
    let isAll = true;
    for (const network of networks) isAll = (await this.#closeNetwork(network)) && isAll;
    return isAll;
  }

  async #close(name: string): Promise<boolean> {
    const endpoint = this.#registry.findEndpointOn(name);
    const network = this.#registry.networks().find((one) => linksOf(one).includes(name));
    // the link no longer belongs to a network
    if (endpoint === undefined && network === undefined) return true;
    if (endpoint !== undefined) await this.#ports.guard(endpoint.id);
    const isClosed = network === undefined || (await this.#closeNetwork(network));
    if (isClosed) this.#log.info({ link: name, seen: LOST }, PUT_BACK);
    return isClosed;
  }

  async #closeNetwork({ id, options, vlanLink, outerLink }: NetworkRecord): Promise<boolean> {
    const network = id.slice(0, 12);
    try {
      const links = { ...options, vlanLink, outerLink, senders: () => this.#sendersOn(vlanLink) };
      const warnings = await this.#host.protectNetwork(links);
      for (const warning of warnings) this.#log.warn({ network }, warning);
      return true;
    } catch (err) {
      this.#log.error({ network, err }, 'links of a network not protected');
      return false;
    }
  }

  /** Also of other networks on that link. */
  #sendersOn(vlanLink: string | undefined): { readonly end: string; readonly mac: Mac }[] {
    const networks = this.#registry.networks().filter((one) => one.vlanLink === vlanLink);
    const ids = new Set(networks.map(({ id }) => id));
    return this.#registry
      .endpoints()
      .filter(({ networkId }) => ids.has(networkId))
      .map(({ containerEnd, mac }) => ({ end: containerEnd, mac }));
  }
}

const LOST = 'its filter was taken off, or was for another MAC';
const PUT_BACK = 'protection put back';
