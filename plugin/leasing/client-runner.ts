/**
 * The imperative shell around one DHCPv4 machine: one state, at most one socket, one timer. A
 * failed send is recorded. Retransmission repeats it (RFC 2131 §4.1).
 * What happened is kept in a bounded `Trace`, from which a failure can be explained.
 */
import type { Clock } from '../clock.ts';
import {
  initialState,
  nextDeadline,
  step,
  type ClientConfig,
  type Effect,
  type Env,
  type Event,
  type LossCause,
  type State,
} from '../dhcp4/client/client.ts';
import { decodeFrame, encodeFrame } from '../dhcp4/frame.ts';
import type { Lease } from '../vocabulary/lease.ts';
import type { Logger } from '../logger.ts';
import { MalformedError } from '../wire/malformed-error.ts';
import { IPV4_ANY, IPV4_BROADCAST, MAC_BROADCAST, type Ipv4 } from '../wire/address.ts';
import type { OpenSocket, SocketPlace } from './sockets/frame-socket.ts';
import { Seat } from './sockets/seat.ts';
import { LeaseReport } from './lease-report.ts';
import { MachineRunner, type Machine, type RunnerOf } from './machine-runner.ts';
import { Trace, type Ignored } from './trace.ts';

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
  /** Told of each message that the client makes nothing of. */
  onUnused?: ((reason: string) => void) | undefined;
  /** Told once of each server and reason why its answer is not used. */
  onIgnored?(ignored: Ignored): void;
  /** Told once of each server that answered and must not be taken. */
  onStranger(server: Ipv4, type: string, isDenied: boolean): void;
  /** Asked to find out whether another host has the address; the answer is an event `checked`. */
  onCheck(address: Ipv4): void;
  /** Told where the socket is from now on; undefined: nowhere. */
  onMoved(place: SocketPlace | undefined): void;
  /** False: too many DECLINEs were sent on this segment; this one is left out. */
  mayDecline(): boolean;
}

type SendEffect = Extract<Effect, { type: 'send' }>;

const DHCP4: Machine<State, Event, Effect, Env> = {
  initial: initialState,
  step,
  nextDeadline,
};

/** Nothing was asked yet, or all was answered. In other states an answer may be on its way. */
const AT_REST: ReadonlySet<State['name']> = new Set(['INIT', 'BOUND', 'STOPPED']);

const PORT_NOT_HELD =
  'UDP port 68 not held in the sandbox; the lease is kept all the same, and servers may see "port unreachable"';

export class ClientRunner {
  readonly trace = new Trace();
  readonly #deps: RunnerDeps;
  #config: ClientConfig;
  readonly #report: LeaseReport;
  readonly #machine: RunnerOf<typeof DHCP4>;
  #seat: Seat | undefined;
  /** Of the trouble that lasts: one warning for it, whatever the number of retransmissions. */
  #isSendTroubleTold = false;
  #isPortTroubleTold = false;
  /** The last message of the present state. */
  #asked: { readonly effect: SendEffect; readonly isSent: boolean } | undefined;

  constructor(config: ClientConfig, deps: RunnerDeps) {
    this.#config = config;
    this.#deps = deps;
    this.#report = new LeaseReport(deps.log, deps.clock);
    const { clock, random } = deps;
    const mayDecline = () => deps.mayDecline();
    this.#machine = new MachineRunner(DHCP4, {
      clock,
      env: (now) => ({ now, random, mayDecline, config: this.#config }),
      perform: (effect) => this.#perform(effect),
      stepped: (state, before, event) => this.#stepped(state.name, before.name, event),
      performed: (state, before) => {
        if (state.name === 'BOUND' && before.name !== 'BOUND') this.#seat?.rest();
      },
    });
  }

  get stateName(): State['name'] {
    return this.#machine.state.name;
  }

  /** Takes another place and gives up the old one. @throws PluginError SOCKET_FAILED. */
  open(place: SocketPlace, onError: (error: Error) => void): void {
    this.closeSocket();
    this.#seat = this.#makeSeat(place, onError);
    this.#deps.onMoved(place);
  }

  #makeSeat(place: SocketPlace, onError: (error: Error) => void): Seat {
    const seat = new Seat(place, {
      open: (handlers) => this.#deps.openSocket(place, this.#config.mac, handlers),
      clock: this.#deps.clock,
      onFrame: (frame, info) => this.#receive(frame, info.checksumReady),
      onError: (error) => {
        if (this.#seat === seat) this.closeSocket();
        onError(error);
      },
      onTrouble: (err) => {
        const level = this.#isPortTroubleTold ? 'debug' : 'warn';
        this.#isPortTroubleTold = true;
        this.#deps.log[level]({ err, netnsPath: place.netnsPath }, PORT_NOT_HELD);
      },
    });
    seat.take(AT_REST.has(this.#machine.state.name));
    return seat;
  }

  /** There is a place again. What could not be sent before is sent now, not at its next time. */
  catchUp(): void {
    if (this.#asked?.isSent === false) this.#send(this.#asked.effect);
  }

  /**
   * The container has its address again. An answer that was sent to that address before is lost, so
   * the request is repeated now, and not at its next time.
   */
  askAgain(): void {
    const { name } = this.#machine.state;
    const isAsking = name === 'RENEWING' || name === 'REBINDING';
    if (isAsking && this.#asked !== undefined) this.#send(this.#asked.effect);
  }

  /** Asks the server to extend the lease now. @returns false if no lease is in use. */
  renew(): boolean {
    const { name } = this.#machine.state;
    this.#machine.dispatch({ type: 'renew' });
    return name === 'BOUND' || name === 'RENEWING' || name === 'REBINDING';
  }

  /** Whether it has a place, with a socket there or without. */
  get isOpen(): boolean {
    return this.#seat !== undefined;
  }

  /** Somebody else has noticed that the link is gone: where nothing is open nobody is told. */
  checkSocket(): void {
    const seat = this.#seat;
    if (seat === undefined) return;
    try {
      seat.listen();
      if (AT_REST.has(this.#machine.state.name)) seat.rest();
    } catch (error) {
      this.#deps.log.debug({ err: error }, 'lease socket has lost its link');
    }
  }

  /** Whether its place is in a sandbox, with a socket there or without. */
  get isInSandbox(): boolean {
    return this.#seat?.place.netnsPath !== undefined;
  }

  /** Nothing but this address will do from now on. */
  pin(address: Ipv4): void {
    this.#config = { ...this.#config, requestedAddress: address };
  }

  /** The name is known only now, or is another one. A server that leased hears it at once. */
  rename(hostName: string | undefined): void {
    if (hostName === this.#config.hostName) return;
    this.#config = { ...this.#config, hostName };
    this.#machine.dispatch({ type: 'renew' });
  }

  closeSocket(): void {
    this.#seat?.close();
    this.#seat = undefined;
    this.#deps.onMoved(undefined);
  }

  /** Sends a frame from the link itself. Without a place, or if the kernel refuses, it is lost. */
  sendFrame(frame: Uint8Array): void {
    try {
      this.#seat?.sendFromLink(frame);
    } catch (error) {
      this.#deps.log.debug({ err: error }, 'frame could not be sent');
    }
  }

  /** Feeds one event. Returns after its effects, unless it is called from within an effect. */
  dispatch(event: Event): void {
    this.#machine.dispatch(event);
  }

  /** Ends it silently: no socket, no timer, no further change. */
  stop(): void {
    this.closeSocket();
    this.#asked = undefined;
    this.#machine.reset();
  }

  #stepped(to: State['name'], from: State['name'], event: Event): void {
    if (to === from) return;
    this.#asked = undefined;
    this.#deps.log.debug({ from, to, event: event.type }, 'dhcp state');
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
        this.#deps.onUnused?.(effect.reason);
        const ignored = this.trace.firstIgnored(effect);
        if (ignored !== undefined) this.#deps.onIgnored?.(ignored);
        const stranger = this.trace.ignored(effect);
        if (stranger !== undefined) {
          this.#deps.onStranger(stranger.server, stranger.type, stranger.isDenied);
        }
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

  #send(effect: SendEffect): void {
    const { message, to } = effect;
    this.#asked = { effect, isSent: false };
    const unicast = to === 'broadcast' ? undefined : to;
    const frame = encodeFrame({
      sourceMac: this.#config.mac,
      destinationMac: unicast?.mac ?? MAC_BROADCAST,
      // RFC 2131 §4.1: 0.0.0.0 until bound. Messages sent from the lease have ciaddr set.
      sourceAddress: message.ciaddr === IPV4_ANY ? IPV4_ANY : message.ciaddr,
      destinationAddress: unicast?.address ?? IPV4_BROADCAST,
      message,
    });
    try {
      if (this.#seat === undefined) throw new Error('no socket is open');
      this.#seat.send(frame);
      this.#asked = { effect, isSent: true };
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
      this.#deps.onUnused?.(`malformed: ${error.what}`);
      this.#deps.log.debug({ what: error.what, offset: error.offset }, 'dhcp frame malformed');
      return;
    }
    const { message, sourceMac, sourceAddress } = received;
    this.trace.received(message, sourceAddress, this.#deps.clock.now());
    this.dispatch({ type: 'message', message, sourceMac, sourceAddress });
  }
}
