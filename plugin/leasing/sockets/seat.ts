/**
 * The place from which a client sends, with a socket there while one is needed.
 *
 * On the host the socket stays open. Without it we would miss that the bridge was made anew. In a
 * sandbox it is opened for a request and closed after the answer. Meanwhile nothing of ours stays
 * in the sandbox. A socket would keep the namespace of a dead container alive, and the kernel would
 * run its filter for every frame of a living one.
 */
import type { Clock } from '../../clock.ts';
import type { Ms } from '../../vocabulary/time.ts';
import type { FrameSocket, OpenSocket, SocketPlace } from './frame-socket.ts';

/**
 * An answer usually comes within milliseconds. With a relay and a slow server it comes within
 * seconds. RFC 2131 §4.1 resends after 4 s.
 */
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
  /** Index of the link when the place was taken. Another link may have the name by now. */
  #index: number | undefined;
  #isTaken = false;
  #isClosed = false;
  #cancelRest: () => void = () => undefined;

  constructor(place: SocketPlace, deps: SeatDeps) {
    this.place = place;
    this.#deps = deps;
  }

  /**
   * Takes the place. Must be called once, before all other methods.
   * @param isAtRest true if no answer is expected yet.
   * @throws PluginError SOCKET_FAILED.
   */
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

  /**
   * Hears answers from now on. In a sandbox it stops when no answer can come any more.
   * @throws PluginError SOCKET_FAILED.
   */
  listen(): void {
    this.#awake().listen();
    if (!this.#isInSandbox) return;
    this.#cancelRest();
    const { clock } = this.#deps;
    this.#cancelRest = clock.at(clock.now() + ANSWERED_WITHIN, () => this.rest());
  }

  /**
   * Sends a request and hears its answer. @throws PluginError SOCKET_FAILED, like `sendFromLink`.
   */
  send(frame: Uint8Array): void {
    this.listen();
    this.#awake().send(frame);
  }

  /** Sends a frame that must leave from the link itself. */
  sendFromLink(frame: Uint8Array): void {
    const isAwake = this.#socket !== undefined;
    try {
      this.#awake().sendFromLink(frame);
    } finally {
      if (!isAwake) this.rest();
    }
  }

  /** Closes the socket if it is in a sandbox. */
  rest(): void {
    if (this.#isInSandbox) this.#closeSocket();
  }

  /** Closes the socket. It is never opened again. */
  close(): void {
    this.#isClosed = true;
    this.#closeSocket();
  }

  get #isInSandbox(): boolean {
    return this.place.netnsPath !== undefined;
  }

  /** Returns an open socket. Reports a missing link as an open socket would. */
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
