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
    if (given !== undefined) return this.isContested(given.address) ? undefined : given;
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

  isContested(address: Ipv6): boolean {
    return this.#contested.has(address);
  }

  /** The container has had the address since before this process started. */
  resume(address: Ipv6): void {
    this.#address = address;
    this.#isUsable = true;
  }

  proven(address: Ipv6): void {
    if (address === this.#address) this.#isUsable = true;
  }

  inConflict(address: Ipv6): void {
    if (address !== this.#address) return;
    if (this.#contested.size < MOST_CONTESTED) this.#contested.add(address);
    this.#address = undefined;
    this.#isUsable = false;
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
