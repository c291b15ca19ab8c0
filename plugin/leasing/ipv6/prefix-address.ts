/**
 * The address that a container makes of a router's prefix (RFC 4862 §5.5), until it is proven; or
 * the one that Docker was told in its place.
 */
import type { Address6 } from '../../vocabulary/ipv6/addressing.ts';
import type { Ipv6 } from '../../wire/address6.ts';
import type { AddressProbes } from './address-probes.ts';

export class PrefixAddress {
  readonly #probes: Pick<AddressProbes, 'begin' | 'end'>;
  #address: Ipv6 | undefined;
  #isUsable = false;
  #given: Address6 | undefined;
  /** Addresses that another host has. They are not tried again. At most MOST_CONTESTED. */
  readonly #contested = new Set<Ipv6>();

  constructor(probes: Pick<AddressProbes, 'begin' | 'end'>) {
    this.#probes = probes;
  }

  /** The address that Docker was told. */
  get given(): Address6 | undefined {
    return this.#given;
  }

  /**
   * The address, if no other host is known to have it. Docker gives the container the one that it
   * was told, whether or not that is proven.
   */
  get usable(): Address6 | undefined {
    const given = this.#given;
    if (given !== undefined) return this.#contested.has(given.address) ? undefined : given;
    if (!this.#isUsable || this.#address === undefined) return undefined;
    return { address: this.#address, prefixLength: 64, source: 'slaac' };
  }

  give(address: Address6): void {
    this.#given = address;
  }

  /** Takes what the routers offer now. The address is asked for before it is used. */
  follow(offered: Ipv6 | undefined): void {
    if (offered === this.#address) return;
    if (this.#address !== undefined) this.#probes.end(this.#address);
    const isContested = offered !== undefined && this.#contested.has(offered);
    this.#address = isContested ? undefined : offered;
    this.#isUsable = false;
    if (this.#address === undefined) return;
    if (this.#probes.begin(this.#address)) this.#isUsable = true;
  }

  /** Undefined without one. */
  get contested(): readonly Ipv6[] | undefined {
    return this.#contested.size === 0 ? undefined : [...this.#contested];
  }

  /**
   * After a restart of the client.
   * @param had the address that the container has had all the time.
   * @param contested what another host had before.
   */
  resume(had: Ipv6 | undefined, contested: readonly Ipv6[] = []): void {
    for (const address of contested) this.#contest(address);
    if (had === undefined || this.#contested.has(had)) return;
    this.#address = had;
    this.#isUsable = true;
  }

  proven(address: Ipv6): void {
    if (address === this.#address) this.#isUsable = true;
  }

  inConflict(address: Ipv6): void {
    if (address !== this.#address) return;
    this.#contest(address);
    this.#address = undefined;
    this.#isUsable = false;
  }

  #contest(address: Ipv6): void {
    if (this.#contested.size < MOST_CONTESTED) this.#contested.add(address);
  }

  /** True if nothing more is to come for this offer. */
  isSettled(offered: Ipv6 | undefined): boolean {
    return (
      offered === undefined ||
      this.#contested.has(offered) ||
      (this.#isUsable && offered === this.#address)
    );
  }
}

/** A router that changes its prefix again and again must not fill memory. */
const MOST_CONTESTED = 16;
