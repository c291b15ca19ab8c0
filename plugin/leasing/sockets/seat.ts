/**
 * The place that a client speaks from, with a socket there as long as one is needed.
 *
 * On the host the socket stays: one that rests would miss that its bridge was made anew. In a sandbox it is opened for a
 * request and closed after the answer. Nothing of ours stays in there meanwhile: a socket would keep the namespace of a
 * container that has died alive, and its filter would be run for every frame of one that lives.
 */
import type { Clock } from '../../clock.ts';
import type { Ms } from '../../vocabulary/time.ts';
import type { FrameSocket, OpenSocket, SocketPlace } from './frame-socket.ts';

/** An answer comes within milliseconds, or after a relay and a slow server within seconds; RFC 2131 §4.1 resends after 4 s. */
const ANSWERED_WITHIN: Ms = 10_000;

type Handlers = Parameters<OpenSocket>[2];

export interface SeatDeps extends Required<Handlers> {
  readonly clock: Clock;
  /** @throws PluginError SOCKET_FAILED if the link or its namespace is not there. */
  open(handlers: Handlers): FrameSocket;
}

export class Seat {
  readonly place: SocketPlace;
  readonly #deps: SeatDeps;
  #socket: FrameSocket | undefined;
  /** Of the link when the place was taken: its name may have gone to another one since. */
  #index: number | undefined;
  #isTaken = false;
  #isClosed = false;
  #cancelRest: () => void = () => undefined;

  constructor(place: SocketPlace, deps: SeatDeps) {
    this.place = place;
    this.#deps = deps;
  }

  /** Once, before all else. @param isAtRest nothing is to be heard yet. @throws PluginError SOCKET_FAILED. */
  take(isAtRest: boolean): void {
    const socket = this.#open();
    this.#index = socket.index;
    this.#isTaken = true;
    try {
      if (!isAtRest || !this.#isInSandbox) this.listen();
      else this.rest();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Hears answers from now on: in a sandbox for as long as one may be on its way. @throws PluginError SOCKET_FAILED. */
  listen(): void {
    this.#awake().listen();
    if (!this.#isInSandbox) return;
    this.#cancelRest();
    const { clock } = this.#deps;
    this.#cancelRest = clock.at(clock.now() + ANSWERED_WITHIN, () => this.rest());
  }

  /** A request, to whose answer it listens. @throws PluginError SOCKET_FAILED; so does `sendFromLink`. */
  send(frame: Uint8Array): void {
    this.listen();
    this.#awake().send(frame);
  }

  /** What has to come from the link itself. */
  sendFromLink(frame: Uint8Array): void {
    const isAwake = this.#socket !== undefined;
    try {
      this.#awake().sendFromLink(frame);
    } finally {
      if (!isAwake) this.rest();
    }
  }

  /** In a sandbox nothing stays open; elsewhere it does. */
  rest(): void {
    if (this.#isInSandbox) this.#closeSocket();
  }

  /** For good. */
  close(): void {
    this.#isClosed = true;
    this.#closeSocket();
  }

  get #isInSandbox(): boolean {
    return this.place.netnsPath !== undefined;
  }

  /** A link that is not there any more is told, as an open socket tells it. */
  #awake(): FrameSocket {
    if (this.#socket !== undefined) return this.#socket;
    try {
      const socket = this.#open();
      if (socket.index === this.#index) return socket;
      throw new Error(`link ${this.place.link} is another one than before`);
    } catch (error) {
      this.#closeSocket();
      if (this.#isTaken && !this.#isClosed) this.#deps.onError(error as Error);
      throw error;
    }
  }

  #open(): FrameSocket {
    const { onFrame, onTrouble } = this.#deps;
    const socket = this.#deps.open({
      onFrame,
      onTrouble,
      onError: (error) => {
        if (this.#socket === socket) this.#deps.onError(error);
      },
    });
    this.#socket = socket;
    return socket;
  }

  #closeSocket(): void {
    this.#cancelRest();
    this.#socket?.close();
    this.#socket = undefined;
  }
}
