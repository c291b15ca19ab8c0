/**
 * Watches over one client's address (RFC 5227). Probes that nobody else has it. Announces it once
 * the container has it, and then defends it. This is the shell around `acd/probe.ts`.
 *
 * The socket only listens, and hears only frames about the address. It is open only while there is
 * an address, a place to hear, and an answer that may be given. In a flood it is closed until the
 * next defence is due (10 s). So a thousand frames a second cost as much as nine. Frames leave by
 * the client's own socket. While the link moves into the sandbox, probing waits. It then begins
 * again, because nobody could hear the answers to earlier probes.
 *
 * Hosts answer probes to the container's own MAC, so probes are heard where its link is. An address
 * in use is defended from the bridge, on one socket for all of its containers: hosts claim an
 * address by broadcast (RFC 5227 §1.1, §2.6).
 */
import { decodeArpFrame, encodeArpFrame } from '../../acd/frame.ts';
import {
  initialProbeState,
  nextProbeDeadline,
  soughtArp,
  type ProbeState,
  type SoughtArp,
} from '../../acd/probe-state.ts';
import { stepProbe, type ProbeEffect, type ProbeEvent } from '../../acd/probe.ts';
import type { ProbeEnv } from '../../acd/probe-types.ts';
import { PROBE_PROFILES } from '../../acd/profiles.ts';
import type { Instant, Ms } from '../../vocabulary/time.ts';
import type { Ipv4 } from '../../wire/address.ts';
import { MalformedError } from '../../wire/malformed-error.ts';
import { AddressClaims } from './address-claims.ts';
import type { ConflictWatchDeps } from './conflict-watch-deps.ts';
import type { SocketPlace } from '../sockets/frame-socket.ts';
import { MachineRunner, type Machine, type RunnerOf } from '../../runtime/machine-runner.ts';

export type { ConflictAnswer, ConflictMode, OpenArpSocket } from './conflict-watch-deps.ts';

const PROBE: Machine<ProbeState, ProbeEvent, ProbeEffect, ProbeEnv> = {
  initial: initialProbeState,
  step: stepProbe,
  nextDeadline: nextProbeDeadline,
};

/** A bridge that was removed is made anew within seconds (D13). */
const LOOK_FOR_BRIDGE_EVERY: Ms = 5_000;

export class ConflictWatch {
  readonly #deps: ConflictWatchDeps;
  readonly #machine: RunnerOf<typeof PROBE>;
  #place: SocketPlace | undefined;
  #socket: { readonly sought: SoughtArp; close(): void } | undefined;
  /** Opening failed at this place. It is not tried again before the client moves. */
  #isDeaf = false;
  /** Stops the search for the bridge. */
  #stopLooking: (() => void) | undefined;
  #isBridgeTold = false;
  /** The container has the address, but probing is not finished. */
  #announcesWhenFree = false;
  /** The address given up because another host has it. Cleared when it is found unused. */
  #contested: Ipv4 | undefined;
  /** Made with the first claim. Most addresses are never claimed. */
  #claims: AddressClaims | undefined;

  constructor(deps: ConflictWatchDeps) {
    this.#deps = deps;
    const { clock } = deps;
    this.#machine = new MachineRunner(PROBE, {
      clock,
      env: (now) => this.#env(now),
      perform: (effect) => this.#perform(effect),
      stepped: () => this.#listen(), // before sending, because the answer comes at once
      isTimed: ({ name }) => name !== 'PROBING' || this.#place !== undefined,
    });
  }

  /** Who else uses the address. Undefined if nobody was heard. */
  get claims(): AddressClaims | undefined {
    return this.#claims;
  }

  /**
   * True if another host had the address at the last probe. It must be proven unused before it is
   * used.
   */
  isContested(address: Ipv4): boolean {
    return this.#contested === address;
  }

  /** Follows the client's socket. Undefined means that the socket is closed. */
  moved(place: SocketPlace | undefined): void {
    this.#closeSocket();
    this.#place = place;
    this.#isDeaf = false;
    if (place === undefined) return this.#machine.arm();
    const { state } = this.#machine;
    if (state.name === 'PROBING') this.#probe(state.address);
    else this.#listen();
  }

  /** Probes. `onFree` or `onConflict` follows. */
  check(address: Ipv4): void {
    this.#announcesWhenFree = false;
    this.#probe(address);
  }

  /**
   * The container has the address. Announces it once it is free, and again after ANNOUNCE_INTERVAL.
   */
  announce(address: Ipv4): void {
    const { state } = this.#machine;
    if (state.name === 'PROBING' && state.address === address) this.#announcesWhenFree = true;
    else this.#machine.dispatch({ type: 'announce', address });
  }

  /** The container has had the address since before this process started. */
  resume(address: Ipv4): void {
    this.#machine.dispatch({ type: 'resume', address });
  }

  /** The address is not ours any more. */
  stop(): void {
    this.#announcesWhenFree = false;
    this.#claims?.close();
    this.#claims = undefined;
    this.#machine.dispatch({ type: 'stop' });
  }

  #probe(address: Ipv4): void {
    this.#machine.reset();
    this.#machine.dispatch({ type: 'start', address });
  }

  #env(now: Instant): ProbeEnv {
    const { random, mac, mode, onClaim } = this.#deps;
    const profile = PROBE_PROFILES[mode === 'full' ? 'full' : 'fast'];
    const asksAgain = mode === 'optimistic' && this.#announcesWhenFree;
    return { now, random, config: { mac, profile, onConflict: onClaim, asksAgain } };
  }

  #perform(effect: ProbeEffect): void {
    const { log, send, onFree, onConflict } = this.#deps;
    switch (effect.type) {
      case 'send':
        return send(encodeArpFrame(effect.packet));
      case 'free': {
        // A later effect of the same step may have ended this state.
        const { state } = this.#machine;
        if (state.name !== 'FREE' || state.address !== effect.address) return;
        const { address } = effect;
        if (this.#announcesWhenFree) this.#machine.dispatch({ type: 'announce', address });
        this.#announcesWhenFree = false;
        this.#contested = undefined;
        return onFree(address);
      }
      case 'doubted':
        return log.info(
          { address: effect.address, by: effect.by },
          'another host says that it has the address: it is asked once more',
        );
      case 'claimed':
        this.#claims ??= new AddressClaims(effect.address, this.#deps);
        return this.#claims.note(effect.by, effect.isAnswered);
      case 'conflict':
        this.#announcesWhenFree = false;
        // A warning once, however often the server leases an address that stays in use.
        log[this.isContested(effect.address) ? 'debug' : 'warn'](
          { address: effect.address, by: effect.by, inUse: effect.inUse },
          'address given up: another host has it',
        );
        this.#contested = effect.address;
        return onConflict(effect.address, effect.by);
    }
  }

  /** Opens or closes the socket as state and place need it. */
  #listen(): void {
    const isHeard = this.#machine.state.name === 'PROBING' || this.#deps.defends;
    const sought = isHeard ? soughtArp(this.#machine.state) : undefined;
    const { address, probes } = this.#socket?.sought ?? {};
    if (address !== sought?.address || probes !== sought?.probes) this.#closeSocket();
    const { mode, mac, openArpSocket } = this.#deps;
    const place = mode === 'off' || this.#isDeaf ? undefined : this.#place;
    const bridge = sought?.probes === false ? bridgeOf(place) : undefined;
    if (bridge === undefined) this.#endLook();
    if (place === undefined || sought === undefined || this.#socket !== undefined) return;
    if (bridge !== undefined) return this.#listenOnBridge(bridge, sought);
    const handlers = {
      onFrame: (frame: Uint8Array) => this.#receive(frame),
      onError: (error: Error) => {
        this.moved(undefined);
        this.#deps.log.debug({ err: error }, 'ARP socket lost its link');
        this.#deps.onLost(); // the client tells its next place
      },
    };
    try {
      const socket = openArpSocket(place, { mac, ...sought }, handlers);
      this.#socket = { sought, close: () => socket.close() };
    } catch (error) {
      this.#deps.onLost(); // the link may have gone unnoticed
      if (this.#place !== place) return;
      this.#isDeaf = true;
      this.#deps.onDeaf(error);
    }
  }

  /** Listens on the bridge. The bridge may be removed and made anew while the container runs. */
  #listenOnBridge(link: string, sought: SoughtArp): void {
    if (this.#stopLooking !== undefined) return;
    const { mac, log, onDeaf, openArpSocket } = this.#deps;
    const handlers = {
      onFrame: (frame: Uint8Array) => this.#receive(frame),
      onError: (error: Error) => {
        this.#socket = undefined;
        log.debug({ err: error, link }, 'ARP socket lost its bridge');
        this.#lookLater();
      },
    };
    try {
      const socket = openArpSocket({ link, shared: true }, { mac, ...sought }, handlers);
      this.#socket = { sought, close: () => socket.close() };
      this.#isBridgeTold = false;
    } catch (error) {
      this.#lookLater();
      if (!this.#isBridgeTold) onDeaf(error);
      this.#isBridgeTold = true;
    }
  }

  #lookLater(): void {
    const { clock } = this.#deps;
    this.#stopLooking = clock.at(clock.now() + LOOK_FOR_BRIDGE_EVERY, () => {
      this.#stopLooking = undefined;
      this.#listen();
    });
  }

  #endLook(): void {
    this.#stopLooking?.();
    this.#stopLooking = undefined;
  }

  #receive(frame: Uint8Array): void {
    let packet;
    try {
      packet = decodeArpFrame(frame);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      return this.#machine.dispatch({ type: 'unreadable' });
    }
    this.#machine.dispatch({ type: 'arp', packet });
  }

  #closeSocket(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }
}

/** The link of the host that hears what every host of the segment hears. */
function bridgeOf(place: SocketPlace | undefined): string | undefined {
  return place?.promiscuous === true ? place.link : place?.defendsFrom;
}
