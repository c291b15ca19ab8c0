/** A stream that carries datagrams, whatever it is made of: TLS, or the pipes of ssh. */

export interface DatagramStream {
  /**
   * Datagrams may be lost, as on every way. One that the other end cannot take now is dropped, so
   * that no old datagrams pile up here.
   */
  send(datagram: Buffer): void;
  /** At once. What was not sent yet is lost. */
  close(): void;
}

export interface StreamEvents {
  /** The other end is there. */
  readonly opened: () => void;
  readonly datagram: (datagram: Buffer) => void;
  /** Called once, also after `close`. Nothing is called after it. */
  readonly ended: (why: string) => void;
}

/** Begins to open a stream. It never throws: a stream that cannot be opened ends. */
export type OpenStream = (events: StreamEvents) => DatagramStream;

/** Bytes that wait to be sent. At 10 Mbit/s this is 0.2 s; what comes then is dropped. */
export const MOST_UNSENT = 262_144;
