/**
 * Tells the segment that an address is ours now (RFC 5227 §2.3): neighbours that knew it under another MAC
 * learn the new one at once instead of sending into the void until their entry ages.
 */
import { encodeArpFrame } from '../acd/frame.ts';
import {
  initialProbeState,
  nextProbeDeadline,
  PROBE_PROFILES,
  stepProbe,
  type ProbeEvent,
  type ProbeState,
} from '../acd/probe.ts';
import type { Clock } from '../clock.ts';
import type { Ipv4, Mac } from '../wire/address.ts';

export interface AnnouncerDeps {
  readonly clock: Clock;
  readonly random: () => number;
  readonly mac: Mac;
  /** Lost frames are no matter: announcements are repeated, and neighbours ask again by themselves. */
  readonly send: (frame: Uint8Array) => void;
}

export class Announcer {
  readonly #deps: AnnouncerDeps;
  #state: ProbeState = initialProbeState();
  #cancelTimer: () => void = () => undefined;

  constructor(deps: AnnouncerDeps) {
    this.#deps = deps;
  }

  /** Once now and once after ANNOUNCE_INTERVAL. */
  announce(address: Ipv4): void {
    this.#step({ type: 'announce', address });
  }

  stop(): void {
    this.#step({ type: 'stop' });
  }

  #step(event: ProbeEvent): void {
    const { clock, random, mac, send } = this.#deps;
    const config = { mac, profile: PROBE_PROFILES.fast };
    const { state, effects } = stepProbe(this.#state, event, { now: clock.now(), random, config });
    this.#state = state;
    for (const effect of effects) if (effect.type === 'send') send(encodeArpFrame(effect.packet));
    this.#cancelTimer();
    this.#cancelTimer = clock.at(nextProbeDeadline(state), () => this.#step({ type: 'tick' }));
  }
}
