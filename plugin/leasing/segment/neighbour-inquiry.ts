/**
 * Asks all hosts of a segment who has an IPv6 address, from a link of the host (RFC 4862 §5.4). As
 * with IPv4, the container may be on another host by now, with the same MAC. So the question has
 * the MAC of the link.
 */
import type { Clock } from '../../clock.ts';
import type { Logger } from '../../logger.ts';
import { decodeNdpFrame, encodeNdpFrame } from '../../ndp/frame.ts';
import type { DuplicateProfile } from '../../ndp/duplicate-profiles.ts';
import type { Mac } from '../../wire/address.ts';
import type { Ipv6 } from '../../wire/address6.ts';
import { MalformedError } from '../../wire/malformed-error.ts';
import { DUPLICATE } from '../ipv6/ipv6-machines.ts';
import { MachineRunner } from '../../runtime/machine-runner.ts';
import type { OpenSocket } from '../sockets/frame-socket.ts';

/** Hosts on one VLAN answer within milliseconds. A frame may be lost. */
const PROFILE: DuplicateProfile = { DupAddrDetectTransmits: 3, RetransTimer: 120 };

export interface NeighbourInquiryDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly openIpv6Socket: OpenSocket;
}

export class NeighbourInquiry {
  readonly #deps: NeighbourInquiryDeps;
  readonly #ends = new Set<() => void>();

  constructor(deps: NeighbourInquiryDeps) {
    this.#deps = deps;
  }

  /**
   * @param mac the MAC of the link.
   * @returns the MAC that answered. Undefined if nobody did, or if the segment cannot be asked.
   */
  async owner(link: string, mac: Mac, address: Ipv6): Promise<Mac | undefined> {
    try {
      return await this.#ask(link, mac, address);
    } catch (err) {
      this.#deps.log.warn(
        { err, link, address },
        'the segment could not be asked who has an IPv6 address',
      );
      return undefined;
    }
  }

  /** Ends all questions without an answer. */
  close(): void {
    for (const end of this.#ends) end();
  }

  #ask(link: string, mac: Mac, address: Ipv6): Promise<Mac | undefined> {
    const { clock, log, openIpv6Socket } = this.#deps;
    return new Promise((resolve) => {
      // What is thrown here rejects.
      const socket = openIpv6Socket({ link }, mac, {
        onFrame: (frame, { checksumReady }) => hear(frame, checksumReady),
        onError: (err) => log.debug({ err, link }, 'link gone while the segment is asked'),
      });
      const end = (by?: Mac) => {
        this.#ends.delete(end);
        runner.reset();
        socket.close();
        resolve(by);
      };
      const runner = new MachineRunner(DUPLICATE, {
        clock,
        env: (now) => ({ now, config: { mac, profile: PROFILE, asksAgain: false } }),
        perform: (effect) => {
          if (effect.type === 'send') sendIfPossible(encodeNdpFrame(effect.frame));
          else if (effect.type === 'conflict') end(effect.by);
          else if (effect.type === 'free') end();
        },
      });
      const sendIfPossible = (frame: Uint8Array) => {
        try {
          socket.send(frame);
        } catch (err) {
          log.debug({ err, link, address }, 'question not sent');
        }
      };
      const hear = (frame: Uint8Array, checksumReady: boolean) => {
        try {
          runner.dispatch({ type: 'frame', frame: decodeNdpFrame(frame, { checksumReady }) });
        } catch (error) {
          if (!(error instanceof MalformedError)) throw error;
        }
      };
      try {
        socket.listen();
      } catch (error) {
        socket.close();
        throw error;
      }
      this.#ends.add(end);
      runner.dispatch({ type: 'start', address });
    });
  }
}
