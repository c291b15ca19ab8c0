/**
 * The imperative shell around one DHCPv4 machine: one state, at most one socket, one timer.
 *
 * Contract: one event at a time in the order of arrival; effects performed in order; then the one timer is
 * re-armed for `nextDeadline`. A failed send is recorded and left to retransmission (RFC 2131 §4.1).
 * What happened is kept in a bounded `Trace`, from which a failure can be explained.
 */
import type { Clock } from '../clock.ts';
import {
  initialState,
  nextDeadline,
  step,
  type ClientConfig,
  type Effect,
  type Event,
  type LossCause,
  type State,
} from '../dhcp4/client/client.ts';
import { decodeFrame, encodeFrame } from '../dhcp4/frame.ts';
import type { Lease } from '../vocabulary/lease.ts';
import type { Logger } from '../logger.ts';
import { MalformedError } from '../wire/malformed-error.ts';
import { IPV4_ANY, IPV4_BROADCAST, MAC_BROADCAST, type Ipv4 } from '../wire/address.ts';
import type { FrameSocket, OpenSocket, SocketPlace } from './sockets/frame-socket.ts';
import { LeaseReport } from './lease-report.ts';
import { Trace } from './trace.ts';

interface OpenedSocket {
  readonly socket: FrameSocket;
  readonly place: SocketPlace;
  readonly onError: (error: Error) => void;
  isListening: boolean;
}

function listenOn(opened: OpenedSocket): void {
  opened.socket.listen();
  opened.isListening = true;
}

export interface LeaseChange {
  readonly change: 'acquired' | 'renewed' | 'changed' | 'lost';
  readonly lease: Lease;
  readonly cause: LossCause | undefined;
}

export interface RunnerDeps {
  readonly clock: Clock;
  readonly random: () => number;
  readonly openSocket: OpenSocket;
  readonly log: Logger;
  /** Told of each change of the lease, after the machine's state holds it. */
  onLease(change: LeaseChange): void;
  /** Told of each NAK that was for us. */
  onRefused(by: string | undefined, text: string | undefined): void;
  /** Told once of each server that answered and is not among the allowed ones. */
  onStranger(server: Ipv4, type: string): void;
  /** Asked to find out whether another host has the address; the answer is an event `checked`. */
  onCheck(address: Ipv4): void;
  /** Told where the socket is from now on; undefined: nowhere. */
  onMoved(place: SocketPlace | undefined): void;
  /** False: too many DECLINEs were sent on this segment; this one is left out. */
  mayDecline(): boolean;
}

/** Nothing was asked yet, or all was answered. In other states an answer may be on its way, or about to be asked for. */
const AT_REST: ReadonlySet<State['name']> = new Set(['INIT', 'BOUND', 'STOPPED']);

const PORT_NOT_HELD =
  'UDP port 68 not held in the sandbox; the lease is kept all the same, and servers may see "port unreachable"';

export class ClientRunner {
  readonly trace = new Trace();
  readonly #deps: RunnerDeps;
  #config: ClientConfig;
  readonly #report: LeaseReport;
  #state: State = initialState();
  #socket: OpenedSocket | undefined;
  #cancelTimer: () => void = () => undefined;
  readonly #queue: Event[] = [];
  #stepping = false;
  /** Of the trouble that lasts: one warning for it, whatever the number of retransmissions. */
  #isSendTroubleTold = false;
  #isPortTroubleTold = false;

  constructor(config: ClientConfig, deps: RunnerDeps) {
    this.#config = config;
    this.#deps = deps;
    this.#report = new LeaseReport(deps.log, deps.clock);
  }

  get stateName(): State['name'] {
    return this.#state.name;
  }

  /** Replaces the socket. @throws PluginError SOCKET_FAILED, the old socket closed all the same. */
  open(place: SocketPlace, onError: (error: Error) => void): void {
    this.closeSocket();
    this.#socket = this.#opened(place, onError);
    this.#deps.onMoved(place);
  }

  #opened(place: SocketPlace, onError: (error: Error) => void): OpenedSocket {
    const socket = this.#deps.openSocket(place, this.#config.mac, {
      onFrame: (frame, info) => this.#receive(frame, info.checksumReady),
      onError: (error) => {
        if (this.#socket?.socket === socket) this.closeSocket();
        onError(error);
      },
      onTrouble: (err) => {
        const level = this.#isPortTroubleTold ? 'debug' : 'warn';
        this.#isPortTroubleTold = true;
        this.#deps.log[level]({ err, netnsPath: place.netnsPath }, PORT_NOT_HELD);
      },
    });
    // On the host a socket that rests would miss that its bridge was made anew.
    const listensAtOnce = place.netnsPath === undefined || !AT_REST.has(this.#state.name);
    const opened = { socket, place, onError, isListening: false };
    try {
      if (listensAtOnce) listenOn(opened);
    } catch (error) {
      socket.close();
      throw error;
    }
    return opened;
  }

  /**
   * In a sandbox a lease that is held hears nothing until it is renewed: the filter of a socket that listens would be run
   * for every frame the container gets. One that listens cannot be stopped without a wait, so another takes its place,
   * unless the name has gone to another link.
   */
  #rest(): void {
    const listening = this.#socket;
    if (listening?.isListening !== true || listening.place.netnsPath === undefined) return;
    try {
      const resting = this.#opened(listening.place, listening.onError);
      const isSameLink = resting.socket.index === listening.socket.index;
      if (isSameLink) this.#socket = resting;
      (isSameLink ? listening : resting).socket.close();
    } catch (error) {
      this.#deps.log.debug({ err: error }, 'lease socket goes on listening');
    }
  }

  /** Whether a socket is open. */
  get isOpen(): boolean {
    return this.#socket !== undefined;
  }

  /** Somebody else has noticed that the link is gone: a socket that rests does not. */
  checkSocket(): void {
    if (this.#socket === undefined) return;
    try {
      listenOn(this.#socket);
    } catch (error) {
      this.#deps.log.debug({ err: error }, 'lease socket has lost its link');
    }
  }

  /** Nothing but this address will do from now on. */
  pin(address: Ipv4): void {
    this.#config = { ...this.#config, requestedAddress: address };
  }

  closeSocket(): void {
    this.#socket?.socket.close();
    this.#socket = undefined;
    this.#deps.onMoved(undefined);
  }

  /** Sends a frame of the link's own, beside the machine's; without a socket, or if the kernel refuses, it is lost. */
  sendFrame(frame: Uint8Array): void {
    try {
      this.#socket?.socket.sendFromLink(frame);
    } catch (error) {
      this.#deps.log.debug({ err: error }, 'frame could not be sent');
    }
  }

  /** Feeds one event; returns after its effects are performed, unless called from within an effect. */
  dispatch(event: Event): void {
    this.#queue.push(event);
    if (this.#stepping) return;
    this.#stepping = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        this.#step(next);
      }
    } finally {
      this.#stepping = false;
    }
    this.#arm();
  }

  /** Ends it silently: no socket, no timer, no further change. */
  stop(): void {
    this.closeSocket();
    this.#cancelTimer();
    this.#cancelTimer = () => undefined;
    this.#queue.length = 0;
    this.#state = initialState();
  }

  #step(event: Event): void {
    const { clock, random } = this.#deps;
    const mayDecline = () => this.#deps.mayDecline();
    const env = { now: clock.now(), random, mayDecline, config: this.#config };
    const before = this.#state.name;
    const { state, effects } = step(this.#state, event, env);
    this.#state = state;
    if (state.name !== before) {
      this.#deps.log.debug({ from: before, to: state.name, event: event.type }, 'dhcp state');
    }
    for (const effect of effects) this.#perform(effect);
    if (state.name === 'BOUND' && before !== 'BOUND') this.#rest();
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case 'send':
        return this.#send(effect);
      case 'lease':
        return this.#deps.onLease({
          change: effect.change,
          lease: effect.lease,
          cause: effect.cause,
        });
      case 'refused':
        this.trace.refused(effect.by, effect.text);
        return this.#deps.onRefused(effect.by, effect.text);
      case 'ignored': {
        const stranger = this.trace.ignored(effect);
        if (stranger !== undefined) this.#deps.onStranger(stranger.server, stranger.type);
        return this.#deps.log.debug({ reason: effect.reason }, 'dhcp message ignored');
      }
      case 'dropped':
        return this.#report.dropped(effect);
      case 'unanswered':
        return this.#report.unanswered(effect, this.trace.lastHeard);
      case 'check':
        return this.#deps.onCheck(effect.address);
      case 'withheld': {
        this.trace.declineWithheld();
        return this.#report.withheld(effect.address);
      }
    }
  }

  #send({ message, to }: Extract<Effect, { type: 'send' }>): void {
    const unicast = to === 'broadcast' ? undefined : to;
    const frame = encodeFrame({
      sourceMac: this.#config.mac,
      destinationMac: unicast?.mac ?? MAC_BROADCAST,
      // RFC 2131 §4.1: 0.0.0.0 until bound; ciaddr is set in exactly the messages sent from the lease.
      sourceAddress: message.ciaddr === IPV4_ANY ? IPV4_ANY : message.ciaddr,
      destinationAddress: unicast?.address ?? IPV4_BROADCAST,
      message,
    });
    try {
      if (this.#socket === undefined) throw new Error('no socket is open');
      listenOn(this.#socket);
      this.#socket.socket.send(frame);
      this.#isSendTroubleTold = false;
      this.trace.sent(message, this.#deps.clock.now());
      this.#deps.log.debug({ xid: message.xid, to: unicast?.address ?? 'broadcast' }, 'dhcp sent');
    } catch (error) {
      this.trace.sendFailed(error);
      const level = this.#isSendTroubleTold ? 'debug' : 'warn';
      this.#isSendTroubleTold = true;
      this.#deps.log[level]({ err: error }, 'dhcp message could not be sent');
    }
  }

  #receive(frame: Uint8Array, checksumReady: boolean): void {
    let received;
    try {
      received = decodeFrame(frame, { checksumReady });
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.trace.malformed(error.what);
      this.#deps.log.debug({ what: error.what, offset: error.offset }, 'dhcp frame malformed');
      return;
    }
    this.trace.received(received.message, received.sourceAddress, this.#deps.clock.now());
    this.dispatch({
      type: 'message',
      message: received.message,
      sourceMac: received.sourceMac,
      sourceAddress: received.sourceAddress,
    });
  }

  #arm(): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#deps.clock.at(nextDeadline(this.#state), () =>
      this.dispatch({ type: 'tick' }),
    );
  }
}
