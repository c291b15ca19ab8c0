/** A router that advertises as RFC 4861 §6.2 says. It can change its mind, and die. */
import type { NdpFrame } from '../../../plugin/ndp/frame.ts';
import type { PrefixOption } from '../../../plugin/ndp/options.ts';
import type { Mac } from '../../../plugin/wire/address.ts';
import { ALL_NODES, linkLocalOf, multicastMacOf } from '../../../plugin/wire/address6.ts';
import type { VirtualSegment } from './virtual-segment.ts';

export interface Told {
  readonly isManaged: boolean;
  /** Seconds. */
  readonly routerLifetime: number;
  readonly prefixes: readonly PrefixOption[];
}

/** Between two RAs, in ms. */
const [LEAST, MOST] = [200_000, 600_000];

export class ModelRouter {
  isUp = true;
  mac: Mac;
  #told: Told;
  readonly #segment: VirtualSegment;

  constructor(segment: VirtualSegment, mac: Mac, told: Told) {
    this.#segment = segment;
    this.mac = mac;
    this.#told = told;
    segment.routers.push(this);
    this.#next();
  }

  /** It says so three times at once (§6.2.4). */
  say(told: Partial<Told>): void {
    this.#told = { ...this.#told, ...told };
    for (const delay of [0, 4_000, 8_000]) {
      this.#segment.clock.after(delay, () => this.#speak());
    }
  }

  /** To a solicitation. */
  answer(host: Mac): void {
    this.#speak(host);
  }

  #speak(to?: Mac): void {
    if (this.isUp) this.#segment.advertise(this.#frame(to), to);
  }

  #next(): void {
    const { clock, random } = this.#segment;
    clock.after(LEAST + random() * (MOST - LEAST), () => {
      this.#speak();
      this.#next();
    });
  }

  #frame(to: Mac | undefined): NdpFrame {
    const { isManaged, routerLifetime, prefixes } = this.#told;
    return {
      ...{ sourceMac: this.mac, source: linkLocalOf(this.mac) },
      destinationMac: to ?? multicastMacOf(ALL_NODES),
      destination: to === undefined ? ALL_NODES : linkLocalOf(to),
      message: {
        ...{ type: 'router-advertisement', hopLimit: 64, isManaged, hasOtherConfig: isManaged },
        ...{ preference: 'medium', otherFlags: 0, routerLifetime },
        ...{ reachableTime: 0, retransTimer: 0 },
        options: [{ type: 'source-link-layer', mac: this.mac }, ...prefixes],
      },
    };
  }
}
