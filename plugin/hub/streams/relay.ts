/**
 * The hub's end of a stream: one UDP port of this host for each, by which WireGuard knows the
 * member again. Only messages of WireGuard pass. A stream that WireGuard does not answer ends:
 * WireGuard answers only those who have a key.
 */
import { createSocket } from 'node:dgram';
import type { Clock } from '../../clock.ts';
import type { DatagramStream } from '../../uplink/streams/datagram-stream.ts';
import { messageTypeOf } from '../../uplink/streams/wireguard-message.ts';
import type { Ms } from '../../vocabulary/time.ts';

/** A member says a word every 2.5 s, and the hub answers each. */
export const ANSWERED_WITHIN: Ms = 30_000;
/** WireGuard begins a handshake every 5 s at most. Each costs the hub some work. */
const MOST_INITIATIONS = 4;
const INITIATION_EVERY: Ms = 1_000;

const HERE = '127.0.0.1';

export interface RelayDeps {
  readonly clock: Pick<Clock, 'now' | 'at'>;
  /** The UDP port of WireGuard on this host. */
  readonly port: number;
  /** Why the relay ends. The caller closes the stream then. */
  readonly end: (why: string) => void;
  /** Told once, when WireGuard has answered. */
  readonly proven?: () => void;
}

export interface Relay {
  /** What came by the stream. */
  take(datagram: Buffer): void;
  /** The port by which WireGuard knows the stream. Undefined until there is one. */
  readonly port: number | undefined;
  close(): void;
}

export function openRelay(stream: Pick<DatagramStream, 'send'>, deps: RelayDeps): Relay {
  const { clock, port, end, proven = () => undefined } = deps;
  const socket = createSocket('udp4');
  const bucket = new Bucket(clock);
  let isProven = false;
  let isBound = false;
  let isClosed = false;
  /** What came before there was a port: a handshake, and no more. */
  let first: Buffer | undefined;
  let answeredAt = clock.now();
  let cancel = (): void => undefined;
  const look = (): void => {
    if (clock.now() >= answeredAt + ANSWERED_WITHIN) return end('WireGuard does not answer it');
    cancel = clock.at(answeredAt + ANSWERED_WITHIN, look);
  };
  look();
  const send = (datagram: Buffer): void => socket.send(datagram, () => undefined);
  socket.on('error', (error: NodeJS.ErrnoException) => {
    // Nobody listens there: the tunnel is made anew. It may come back.
    if (error.code !== 'ECONNREFUSED') end(error.message);
  });
  socket.on('message', (datagram) => {
    const type = messageTypeOf(datagram);
    if (type === undefined) return;
    // An answer to a handshake, and data, go to those alone who have a key.
    if (type === 'response' || type === 'data') {
      answeredAt = clock.now();
      if (!isProven) proven();
      isProven = true;
    }
    stream.send(datagram);
  });
  socket.connect(port, HERE, (error?: Error) => {
    if (isClosed || error) return;
    isBound = true;
    if (first !== undefined) send(first);
    first = undefined;
  });
  return {
    get port() {
      return isBound && !isClosed ? socket.address().port : undefined;
    },
    take(datagram) {
      if (isClosed) return;
      const type = messageTypeOf(datagram);
      if (type === undefined) return end('what came is no message of WireGuard');
      if (type === 'initiation' && !bucket.take()) return;
      if (isBound) send(datagram);
      else first = datagram;
    },
    close() {
      if (isClosed) return;
      isClosed = true;
      cancel();
      socket.close();
    },
  };
}

class Bucket {
  readonly #clock: Pick<Clock, 'now'>;
  #left = MOST_INITIATIONS;
  #filledAt: number;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
    this.#filledAt = clock.now();
  }

  take(): boolean {
    const more = Math.floor((this.#clock.now() - this.#filledAt) / INITIATION_EVERY);
    this.#left = Math.min(MOST_INITIATIONS, this.#left + more);
    this.#filledAt += more * INITIATION_EVERY;
    if (this.#left === 0) return false;
    this.#left -= 1;
    return true;
  }
}
