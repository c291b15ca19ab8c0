/**
 * Who may have a connection to the TCP port of the hub. It faces the Internet, so connections are
 * counted, for each address and all together. A connection is proven when WireGuard has answered
 * by it. If all places are taken, the oldest one that is not proven has to go: so nobody can keep a
 * member out with idle connections.
 */
import { formatSubnet6, parseIpv6, subnet6Of } from '../../wire/address6.ts';

export interface AdmissionLimits {
  readonly all: number;
  /** From one address. Those of one network of IPv6 are one. */
  readonly fromOne: number;
}

export const ADMISSION_LIMITS: AdmissionLimits = { all: 1_024, fromOne: 32 };

/** A place of one connection. */
export interface Place {
  prove(): void;
  leave(): void;
}

interface Taken {
  readonly evict: () => void;
  readonly leave: () => void;
}

export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #counts = new Map<string, number>();
  /** In the order of their coming. */
  readonly #unproven = new Set<Taken>();
  #all = 0;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  /** How many connections there are. */
  get size(): number {
    return this.#all;
  }

  /**
   * @param address of the client. A reverse proxy on this host has one for all of its clients.
   * @param evict called if the connection has to go for another one.
   * @returns undefined if it may not come.
   */
  enter(address: string, evict: () => void): Place | undefined {
    const source = sourceOf(address);
    const isFull = (this.#counts.get(source) ?? 0) >= this.#limits.fromOne;
    if (isFull && !isHere(address)) return undefined;
    const [oldest] = this.#unproven;
    if (this.#all >= this.#limits.all) {
      if (oldest === undefined) return undefined;
      oldest.leave();
      oldest.evict();
    }
    this.#counts.set(source, (this.#counts.get(source) ?? 0) + 1);
    this.#all += 1;
    let isLeft = false;
    const leave = (): void => {
      if (isLeft) return;
      isLeft = true;
      this.#unproven.delete(taken);
      this.#all -= 1;
      const left = (this.#counts.get(source) ?? 1) - 1;
      if (left > 0) this.#counts.set(source, left);
      else this.#counts.delete(source);
    };
    const taken: Taken = { evict, leave };
    this.#unproven.add(taken);
    return { prove: () => void this.#unproven.delete(taken), leave };
  }
}

/** Who has one address of IPv6 has all of its /64. */
function sourceOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const own = parseIpv6(address.replace(/%.*/, ''));
  return own === undefined ? address : formatSubnet6(subnet6Of(own, 64));
}

/** True for an address of this host itself. */
export function isHere(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127\./i.test(address);
}
