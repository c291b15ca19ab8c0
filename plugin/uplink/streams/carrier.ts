/**
 * The member's end of a stream: a UDP port on this host that WireGuard takes for the hub. What
 * WireGuard sends there goes into the stream, and back. A stream that ends is opened again.
 */
import { createSocket, type Socket } from 'node:dgram';
import type { Clock } from '../../clock.ts';
import { messageOf, PluginError } from '../../vocabulary/errors.ts';
import type { Instant, Ms } from '../../vocabulary/time.ts';
import type { DatagramStream, OpenStream } from './datagram-stream.ts';
import { TrafficMeter } from './traffic-meter.ts';
import { messageTypeOf } from './wireguard-message.ts';

const HERE = '127.0.0.1';
/** The first handshake and its answer come before both ends are known. Others are of no use. */
const MOST_WAITING = 8;

export interface CarrierDeps {
  readonly clock: Pick<Clock, 'now' | 'at'>;
  readonly open: OpenStream;
  /** A stream that ends is opened again after this. The delay doubles up to `longestDelay`. */
  readonly firstDelay: Ms;
  readonly longestDelay: Ms;
  /** How long a stream is young, since it was begun and since it was open. */
  readonly patience: Ms;
  /** Told when a stream opens, and when one ends or cannot be opened for another reason. */
  readonly told: (what: 'opened' | { readonly ended: string }) => void;
}

/** What a member needs of it. */
export interface LocalCarrier {
  /** What WireGuard is told to be the hub. */
  readonly endpoint: string;
  readonly isOpen: boolean;
  /** Why the last stream ended. Undefined while one is open. */
  readonly trouble: string | undefined;
  /** True if next to nothing passes. */
  readonly isIdle: boolean;
  /** The port of this host's WireGuard. What others of this host send does not count then. */
  serve(port: number): void;
  /**
   * A muted carrier passes nothing: WireGuard follows where datagrams come from, and is to be heard
   * elsewhere for a while.
   */
  mute(isMuted: boolean): void;
  /**
   * Opens a stream anew, unless the one that is there, or is being opened, is still young.
   * @param hasMoved the host has another way. However young it is, the stream is of the old one.
   */
  renew(hasMoved?: boolean): void;
  close(): void;
}

export class Carrier implements LocalCarrier {
  readonly #deps: CarrierDeps;
  readonly #socket: Socket;
  readonly #traffic: TrafficMeter;
  #stream: DatagramStream | undefined;
  #isOpen = false;
  #youngUntil: Instant = 0;
  #isMuted = false;
  #isClosed = false;
  #port: number | undefined;
  /** For the hub, until the stream is open. */
  readonly #waiting: Buffer[] = [];
  /** For WireGuard, until its port is known. */
  readonly #answers: Buffer[] = [];
  #delay: Ms;
  #cancel: () => void = () => undefined;
  #trouble: string | undefined;

  private constructor(deps: CarrierDeps, socket: Socket) {
    this.#deps = deps;
    this.#socket = socket;
    this.#delay = deps.firstDelay;
    this.#traffic = new TrafficMeter(deps.clock);
    socket.on('message', (datagram, { port }) => this.#toHub(datagram, port));
    socket.on('error', () => undefined);
    this.#connect();
  }

  /** @throws PluginError SOCKET_FAILED. */
  static async open(deps: CarrierDeps): Promise<Carrier> {
    // The address is one already: nothing is to be looked up for each datagram.
    const lookup = (host: string, _: unknown, done: (...found: unknown[]) => void) =>
      void done(null, host, 4);
    const socket = createSocket({ type: 'udp4', lookup: lookup as never });
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(0, HERE, resolve);
    }).catch((cause: unknown) => {
      const reason = messageOf(cause);
      throw new PluginError('SOCKET_FAILED', `no UDP port on ${HERE} for a stream: ${reason}`, {
        cause,
      });
    });
    socket.removeAllListeners('error');
    return new Carrier(deps, socket);
  }

  get endpoint(): string {
    return `${HERE}:${this.#socket.address().port}`;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get trouble(): string | undefined {
    return this.#trouble;
  }

  get isIdle(): boolean {
    return this.#traffic.isIdle;
  }

  serve(port: number): void {
    this.#port = port;
    for (const datagram of this.#answers.splice(0)) this.#fromHub(datagram);
  }

  mute(isMuted: boolean): void {
    this.#isMuted = isMuted;
  }

  renew(hasMoved = false): void {
    const { clock } = this.#deps;
    if (this.#isClosed) return;
    if (!hasMoved && this.#stream !== undefined && clock.now() < this.#youngUntil) return;
    this.#cancel();
    const before = this.#stream;
    this.#stream = undefined;
    this.#isOpen = false;
    before?.close();
    this.#connect();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancel();
    this.#stream?.close();
    this.#socket.close();
  }

  #connect(): void {
    // What an earlier stream still tells is of no interest.
    const isCurrent = (): boolean => this.#stream === stream && !this.#isClosed;
    const stream: DatagramStream = this.#deps.open({
      opened: () => {
        if (!isCurrent()) return stream.close();
        this.#isOpen = true;
        this.#startAge();
        this.#trouble = undefined;
        this.#deps.told('opened');
        for (const datagram of this.#waiting.splice(0)) stream.send(datagram);
      },
      datagram: (datagram) => {
        if (isCurrent()) this.#fromHub(datagram);
      },
      ended: (why) => {
        if (isCurrent()) this.#ended(why);
      },
    });
    this.#stream = stream;
    this.#startAge();
  }

  #startAge(): void {
    this.#youngUntil = this.#deps.clock.now() + this.#deps.patience;
  }

  #ended(why: string): void {
    const { clock, told, longestDelay } = this.#deps;
    this.#stream = undefined;
    this.#isOpen = false;
    if (this.#trouble !== why) told({ ended: why });
    this.#trouble = why;
    this.#cancel = clock.at(clock.now() + this.#delay, () => this.#connect());
    this.#delay = Math.min(this.#delay * 2, longestDelay);
  }

  #toHub(datagram: Buffer, port: number): void {
    if (this.#isMuted || (this.#port !== undefined && port !== this.#port)) return;
    if (messageTypeOf(datagram) === undefined) return;
    this.#traffic.add(datagram.length);
    if (this.#isOpen) this.#stream?.send(datagram);
    else keep(this.#waiting, datagram);
  }

  #fromHub(datagram: Buffer): void {
    if (this.#isMuted || messageTypeOf(datagram) === undefined) return;
    this.#delay = this.#deps.firstDelay;
    this.#traffic.add(datagram.length);
    if (this.#port === undefined) keep(this.#answers, datagram);
    else this.#socket.send(datagram, this.#port, HERE, () => undefined);
  }
}

function keep(waiting: Buffer[], datagram: Buffer): void {
  if (waiting.length >= MOST_WAITING) waiting.shift();
  waiting.push(datagram);
}
