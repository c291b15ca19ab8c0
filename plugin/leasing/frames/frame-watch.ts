/**
 * Shows operators the frames that clients send and hear, with what was made of each. It wraps the
 * functions that open sockets. While nobody watches, a frame costs one look at an empty set.
 *
 * A client handles a frame before its socket returns. So the reason why a frame is ignored is known
 * when the frame is told.
 */
import type { Clock } from '../../clock.ts';
import type { WallTime } from '../../vocabulary/time.ts';
import type { Mac } from '../../wire/address.ts';
import type { OpenRouterSocket } from '../ipv6/segment-routers.ts';
import type { OpenArpSocket } from '../segment/conflict-watch.ts';
import type { FrameSocket, OpenSocket } from '../sockets/frame-socket.ts';
import { messageOf } from '../../vocabulary/errors.ts';

export interface WatchedFrame {
  readonly at: WallTime;
  readonly direction: 'sent' | 'heard';
  readonly frame: Uint8Array;
  /** Where it was sent or heard: a link of the host, or of a sandbox. */
  readonly link: string;
  /** The client. Undefined for what routers tell all containers of a link. */
  readonly client: WatchedClient | undefined;
  /** Why the client makes nothing of it. */
  readonly ignored: string | undefined;
  /** Why the kernel did not send it. */
  readonly failed: string | undefined;
}

/** Asked for only when a frame is told. */
export interface WatchedClient {
  /** EndpointID, or the id of the lease. */
  readonly key: string;
  readonly mac: Mac;
  readonly segment: string;
}

/** Told of each frame. Must not throw. */
export type FrameListener = (frame: WatchedFrame) => void;

export class FrameWatch {
  readonly #clock: Pick<Clock, 'wall'>;
  /** Bounded by the connections to the admin socket. */
  readonly #listeners = new Set<FrameListener>();
  /** Of the frame that is handled now. */
  #ignored: string | undefined;
  /** What is sent while a frame is handled. Undefined while none is. */
  #answers: WatchedFrame[] | undefined;

  constructor(clock: Pick<Clock, 'wall'>) {
    this.#clock = clock;
  }

  /** @returns the function that ends it. */
  watch(listener: FrameListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** A client says why it makes nothing of the frame that it handles now. */
  ignored(reason: string): void {
    this.#ignored = reason;
  }

  openSocket(open: OpenSocket, client: () => WatchedClient): OpenSocket {
    return (place, mac, handlers) => {
      const socket = open(place, mac, {
        ...handlers,
        onFrame: (frame, info) =>
          this.#heard(frame, place.link, client, () => handlers.onFrame(frame, info)),
      });
      const sent = (frame: Uint8Array, via: string, send: () => void) =>
        this.#sent(frame, via, client, send);
      // A getter would be lost in a spread, so each part is named.
      const watched: FrameSocket = {
        listen: () => socket.listen(),
        ...(socket.index === undefined ? {} : { index: socket.index }),
        send: (frame) => sent(frame, place.speaksVia ?? place.link, () => socket.send(frame)),
        sendFromLink: (frame) => sent(frame, place.link, () => socket.sendFromLink(frame)),
        close: () => socket.close(),
      };
      return watched;
    };
  }

  openArpSocket(open: OpenArpSocket, client: () => WatchedClient): OpenArpSocket {
    return (place, own, handlers) =>
      open(place, own, {
        ...handlers,
        onFrame: (frame) => this.#heard(frame, place.link, client, () => handlers.onFrame(frame)),
      });
  }

  openRouterSocket(open: OpenRouterSocket): OpenRouterSocket {
    return (link, handlers) =>
      open(link, {
        ...handlers,
        onFrame: (frame, info) =>
          this.#heard(frame, link, undefined, () => handlers.onFrame(frame, info)),
      });
  }

  #heard(
    frame: Uint8Array,
    link: string,
    whose: (() => WatchedClient) | undefined,
    handle: () => void,
  ): void {
    if (this.#listeners.size === 0) return handle();
    this.#ignored = undefined;
    const [at, client] = [this.#clock.wall(), whose?.()];
    // The answer to a frame is sent while the frame is handled, and would be told before it.
    const answers: WatchedFrame[] = [];
    const before = this.#answers;
    this.#answers = answers;
    try {
      handle();
    } finally {
      this.#answers = before;
      const [ignored, failed] = [this.#ignored, undefined];
      // The kernel's buffer may be used again.
      const copy = Uint8Array.from(frame);
      this.#tell({ at, direction: 'heard', frame: copy, link, client, ignored, failed });
      for (const answer of answers) this.#tell(answer);
    }
  }

  #sent(frame: Uint8Array, link: string, whose: () => WatchedClient, send: () => void): void {
    if (this.#listeners.size === 0) return send();
    let failed: string | undefined;
    try {
      send();
    } catch (error) {
      failed = messageOf(error);
      throw error;
    } finally {
      const [at, client] = [this.#clock.wall(), whose()];
      const copy = Uint8Array.from(frame);
      const told = { at, direction: 'sent', frame: copy, link, client, failed } as const;
      this.#tell({ ...told, ignored: undefined });
    }
  }

  #tell(frame: WatchedFrame): void {
    if (this.#answers !== undefined) return void this.#answers.push(frame);
    for (const listener of this.#listeners) listener(frame);
  }
}
