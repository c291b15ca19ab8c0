/**
 * What keeps a VLAN away from the host and containers to their rules, put back where it was taken off: the filters of a
 * network's links and of its ports. The links are known by index.
 */
import type { Logger } from '../logger.ts';
import type { Host } from '../host.ts';
import { rulesBeforeJoin, rulesFor } from './port-guard.ts';
import type { EndpointRecord, NetworkRecord } from '../state/records.ts';
import type { Registry } from '../state/registry.ts';

export class LinkProtection {
  readonly #registry: Registry;
  readonly #host: Host;
  readonly #log: Logger;
  /** Links whose filter was taken off; bounded by the links there are. */
  readonly #open = new Set<number>();

  constructor({ registry, host, log }: { registry: Registry; host: Host; log: Logger }) {
    this.#registry = registry;
    this.#host = host;
    this.#log = log;
  }

  /** A filter of that link is to be put back by `putBack`. */
  lost(index: number): void {
    this.#open.add(index);
  }

  /** Puts back what is lost. @returns false if something could not be, which is told and stays lost. */
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

  /** The links of all networks, whatever was told. @returns false if something could not be, which is told. */
  async putBackAll({ ports }: { ports: boolean }): Promise<boolean> {
    const networks = this.#registry.networks().filter(({ isUnfinished }) => isUnfinished !== true);
    let isAll = true;
    for (const network of networks) isAll = (await this.#closeNetwork(network)) && isAll;
    for (const endpoint of ports ? this.#registry.endpoints() : []) {
      isAll = (await this.#closePort(endpoint)) && isAll;
    }
    return isAll;
  }

  async #close(name: string): Promise<boolean> {
    const endpoint = this.#registry.endpoints().find(({ hostEnd }) => hostEnd === name);
    const network = this.#registry
      .networks()
      .find(({ options, vlanLink }) => options.bridge === name || vlanLink === name);
    if (endpoint === undefined && network === undefined) return true; // it is no network's any more
    const isClosed =
      endpoint === undefined
        ? network !== undefined && (await this.#closeNetwork(network))
        : await this.#closePort(endpoint);
    if (isClosed) this.#log.info({ link: name, seen: 'its filter was taken off' }, PUT_BACK);
    return isClosed;
  }

  async #closePort(endpoint: EndpointRecord): Promise<boolean> {
    const network = this.#registry.findNetwork(endpoint.networkId);
    if (network === undefined) return true;
    const { hostEnd } = endpoint;
    try {
      const rules = rulesNow(network, endpoint);
      for (const warning of await this.#host.guardEndpoints([{ hostEnd, rules }])) {
        this.#log.warn({ link: hostEnd }, warning);
      }
      return true;
    } catch (err) {
      this.#log.error({ link: hostEnd, err }, 'port not guarded');
      return false;
    }
  }

  async #closeNetwork({ id, options, vlanLink }: NetworkRecord): Promise<boolean> {
    const network = id.slice(0, 12);
    try {
      const warnings = await this.#host.protectNetwork({ bridge: options.bridge, vlanLink });
      for (const warning of warnings) this.#log.warn({ network }, warning);
      return true;
    } catch (err) {
      this.#log.error({ network, err }, 'links of a network not protected');
      return false;
    }
  }
}

const PUT_BACK = 'protection put back';

export function rulesNow(network: NetworkRecord, endpoint: EndpointRecord) {
  return endpoint.sandboxKey === undefined && endpoint.hasLeft !== true
    ? rulesBeforeJoin(network, endpoint)
    : rulesFor(network, endpoint);
}
