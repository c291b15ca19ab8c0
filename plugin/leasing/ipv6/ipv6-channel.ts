/**
 * How a container's IPv6 client is heard and speaks: one socket at one place, and what comes there,
 * decoded. Nothing is thrown at the client. What cannot be sent is lost, and its machines repeat
 * what matters.
 */
import type { Clock } from '../../clock.ts';
import { decodeFrame } from '../../dhcp6/frame.ts';
import type { Dhcp6Message } from '../../dhcp6/message.ts';
import type { Logger } from '../../logger.ts';
import { decodeNdpFrame, type NdpFrame } from '../../ndp/frame.ts';
import type { Mac } from '../../wire/address.ts';
import { PROTOCOL_UDP } from '../../wire/ipv4.ts';
import { MalformedError } from '../../wire/malformed-error.ts';
import type { OpenSocket, SocketPlace } from '../sockets/frame-socket.ts';
import { Seat } from '../sockets/seat.ts';

export interface Ipv6ChannelDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly openSocket: OpenSocket;
  readonly mac: Mac;
  readonly onMessage: (message: Dhcp6Message) => void;
  readonly onNeighbour: (frame: NdpFrame) => void;
}

/** Where the header of an IPv6 packet says what follows it, in an Ethernet frame. */
const NEXT_HEADER_AT = 20;

export function nextHeaderOf(frame: Uint8Array): number | undefined {
  return frame[NEXT_HEADER_AT];
}

export class Ipv6Channel {
  readonly #deps: Ipv6ChannelDeps;
  #seat: Seat | undefined;
  /** Of the trouble that lasts: one warning for it. */
  #isTroubleTold = false;

  constructor(deps: Ipv6ChannelDeps) {
    this.#deps = deps;
  }

  /**
   * Takes another place and gives up the old one.
   * @param isAtRest no answer is expected yet. @param onError called when the link is lost.
   * @returns why the place cannot be taken.
   */
  open(
    place: SocketPlace,
    isAtRest: boolean,
    onError: (error: Error) => void = () => undefined,
  ): Error | undefined {
    this.close();
    const { openSocket, clock, mac, log } = this.#deps;
    const trouble = (err: unknown) => {
      log.debug({ err, link: place.link }, 'IPv6 socket lost its link');
    };
    const seat = new Seat(place, {
      open: (handlers) => openSocket(place, mac, handlers),
      clock,
      onFrame: (frame, info) => this.#receive(frame, info.checksumReady),
      onError: (error) => {
        if (this.#seat === seat) this.close();
        trouble(error);
        onError(error);
      },
      onTrouble: trouble,
    });
    try {
      seat.take(isAtRest);
      this.#seat = seat;
      return undefined;
    } catch (err) {
      trouble(err);
      return err as Error;
    }
  }

  /** Undefined without a place. */
  get place(): SocketPlace | undefined {
    return this.#seat?.place;
  }

  close(): void {
    this.#seat?.close();
    this.#seat = undefined;
  }

  /** @returns false if it could not be sent. */
  send(frame: Uint8Array): boolean {
    try {
      if (this.#seat === undefined) throw new Error('no socket is open');
      this.#seat.send(frame);
      this.#isTroubleTold = false;
      return true;
    } catch (err) {
      const level = this.#isTroubleTold ? 'debug' : 'warn';
      this.#isTroubleTold = true;
      this.#deps.log[level]({ err }, 'IPv6 packet could not be sent');
      return false;
    }
  }

  #receive(frame: Uint8Array, checksumReady: boolean): void {
    const { onMessage, onNeighbour, log } = this.#deps;
    try {
      if (nextHeaderOf(frame) === PROTOCOL_UDP) {
        onMessage(decodeFrame(frame, { checksumReady }).message);
      } else {
        onNeighbour(decodeNdpFrame(frame, { checksumReady }));
      }
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      log.debug({ what: error.what }, 'IPv6 packet malformed');
    }
  }
}
