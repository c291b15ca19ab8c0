/**
 * Asks a segment whether somebody has an address, by ARP probes (sender 0.0.0.0, RFC 5227 §1.1)
 * from a link of the host. The probes have that link's own MAC. The host that has the address may
 * have the MAC for which we leased it. The switches must not learn that MAC here.
 *
 * Questions on one link share its sockets. So hundreds of questions take no longer than one.
 */
import { decodeArpFrame, encodeArpFrame } from '../../acd/frame.ts';
import { canBeHost } from '../../acd/rivals.ts';
import type { Clock } from '../../clock.ts';
import type { Logger } from '../../logger.ts';
import type { Ms } from '../../vocabulary/time.ts';
import { IPV4_ANY, MAC_ZERO, type Ipv4, type Mac } from '../../wire/address.ts';
import { MalformedError } from '../../wire/malformed-error.ts';
import type { OpenArpSocket } from './conflict-watch.ts';
import type { OpenSocket } from '../sockets/frame-socket.ts';

/** Hosts on one VLAN answer within milliseconds. A frame may be lost. */
const PROBES = 3;
const PROBE_EVERY: Ms = 100;
const ANSWERED_WITHIN: Ms = 350;

export interface InquiryDeps {
  readonly clock: Clock;
  readonly openSocket: OpenSocket;
  readonly openArpSocket: OpenArpSocket;
  readonly log: Logger;
}

interface Question {
  readonly answer: Promise<Mac | undefined>;
  readonly end: (by: Mac | undefined) => void;
}

interface OpenLink {
  readonly questions: Map<Ipv4, Question>;
  send(frame: Uint8Array): void;
  close(): void;
}

export class SegmentInquiry {
  readonly #deps: InquiryDeps;
  /** Links with open questions, by name. */
  readonly #links = new Map<string, OpenLink>();

  constructor(deps: InquiryDeps) {
    this.#deps = deps;
  }

  /**
   * Asks who has the address.
   * @param mac the MAC of the link.
   * @returns the MAC that answered. Undefined if nobody did, or if the segment cannot be asked.
   */
  async wearer(link: string, mac: Mac, address: Ipv4): Promise<Mac | undefined> {
    try {
      const open = this.#links.get(link) ?? this.#open(link, mac);
      const known = open.questions.get(address);
      return await (known?.answer ?? this.#ask(open, link, mac, address));
    } catch (err) {
      this.#deps.log.warn(
        { err, link, address },
        'the segment could not be asked who has an address',
      );
      return undefined;
    }
  }

  /** Ends all questions without an answer. */
  close(): void {
    for (const { questions } of this.#links.values()) {
      for (const { end } of questions.values()) end(undefined);
    }
  }

  #ask(open: OpenLink, link: string, mac: Mac, address: Ipv4): Promise<Mac | undefined> {
    const { clock, log } = this.#deps;
    const frame = encodeArpFrame({
      ...{ operation: 'request', senderMac: mac, senderAddress: IPV4_ANY },
      ...{ targetMac: MAC_ZERO, targetAddress: address },
    });
    let cancelTimer: () => void = () => undefined;
    let end: Question['end'] = () => undefined;
    const answer = new Promise<Mac | undefined>((resolve) => {
      end = (by) => {
        cancelTimer();
        open.questions.delete(address);
        if (open.questions.size === 0) {
          this.#links.delete(link);
          open.close();
        }
        resolve(by);
      };
    });
    open.questions.set(address, { answer, end });
    const startedAt = clock.now();
    const probe = (count: number): void => {
      try {
        open.send(frame);
      } catch (err) {
        log.debug({ err, link, address }, 'probe not sent');
      }
      const next = count + 1;
      cancelTimer =
        next < PROBES
          ? clock.at(startedAt + next * PROBE_EVERY, () => probe(next))
          : clock.at(startedAt + ANSWERED_WITHIN, () => end(undefined));
    };
    probe(0);
    return answer;
  }

  /** @throws PluginError SOCKET_FAILED. */
  #open(link: string, mac: Mac): OpenLink {
    const { openSocket, openArpSocket, log } = this.#deps;
    const questions: OpenLink['questions'] = new Map();
    const onError = (err: Error) =>
      log.debug({ err, link }, 'link gone while the segment is asked');
    const listener = openArpSocket(
      { link },
      { mac },
      { onFrame: (frame) => hear(frame, mac, questions), onError },
    );
    try {
      const sender = openSocket({ link }, mac, { onFrame: () => undefined, onError });
      const close = () => {
        listener.close();
        sender.close();
      };
      const open = { questions, send: (frame: Uint8Array) => sender.send(frame), close };
      this.#links.set(link, open);
      return open;
    } catch (error) {
      listener.close();
      throw error;
    }
  }
}

function hear(frame: Uint8Array, own: Mac, questions: OpenLink['questions']): void {
  try {
    const { senderAddress, senderMac } = decodeArpFrame(frame);
    if (senderMac !== own && canBeHost(senderMac)) questions.get(senderAddress)?.end(senderMac);
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
  }
}
