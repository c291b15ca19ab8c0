/**
 * The routers of the segments that containers with IPv6 are on, by the link of the host that hears
 * the segment. The first container on a segment asks for an RA. Later ones find it here.
 *
 * A link is heard as long as a container needs it. One that goes, because somebody removed it or
 * made it anew, is looked for again. The number of entries is limited by the networks with IPv6.
 */
import type { Clock } from '../../clock.ts';
import type { Logger } from '../../logger.ts';
import { decodeNdpFrame, encodeNdpFrame, type NdpFrame } from '../../ndp/frame.ts';
import type { RouterAdvertisement } from '../../ndp/message.ts';
import { replayOf } from '../../ndp/replay.ts';
import {
  defaultRouters,
  forgetRouters,
  hearRouter,
  nextRouterDeadline,
  NO_ROUTERS,
  type RouterTable,
} from '../../ndp/routers.ts';
import type { Instant, Ms } from '../../vocabulary/time.ts';
import { MalformedError } from '../../wire/malformed-error.ts';
import type { Ipv6 } from '../../wire/address6.ts';
import { signatureOf } from './ipv6-plan.ts';

/** Opens an AF_PACKET socket that hears RAs on a link of the host. @throws PluginError. */
export type OpenRouterSocket = (
  link: string,
  handlers: {
    onFrame(frame: Uint8Array, info: { checksumReady: boolean }): void;
    onError(error: Error): void;
  },
) => { close(): void };

export interface SegmentRoutersDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly openRouterSocket: OpenRouterSocket;
}

interface Segment {
  table: RouterTable;
  signature: string;
  readonly listeners: Set<() => void>;
  socket: { close(): void } | undefined;
  cancelForget: () => void;
  cancelLook: () => void;
  cancelTell: () => void;
  /** When the listeners were told lately. At most MOST_TOLD. */
  told: readonly Instant[];
  /** A full table, or a link that cannot be heard, is reported once. */
  isTold: boolean;
}

/** Real routers change what they say a few times a year. */
const MOST_TOLD = 8;
const TOLD_WITHIN: Ms = 8_000;
const LOOK_FOR_LINK_EVERY: Ms = 5_000;

export class SegmentRouters {
  readonly #deps: SegmentRoutersDeps;
  readonly #segments = new Map<string, Segment>();

  constructor(deps: SegmentRoutersDeps) {
    this.#deps = deps;
  }

  /**
   * Hears the link from now on.
   * @param onChange called when a router tells something else than before, or is gone.
   * @returns ends it.
   */
  subscribe(link: string, onChange: () => void): () => void {
    const segment = this.#segments.get(link) ?? this.#add(link);
    segment.listeners.add(onChange);
    return () => {
      segment.listeners.delete(onChange);
      if (segment.listeners.size === 0) this.#remove(link, segment);
    };
  }

  /** What the routers on that link have told, without what has expired. */
  table(link: string): RouterTable {
    const segment = this.#segments.get(link);
    return segment === undefined
      ? NO_ROUTERS
      : forgetRouters(segment.table, this.#deps.clock.now());
  }

  /**
   * The newest advertisement of each router, for one container alone: its kernel was not there when
   * they were sent.
   */
  replay(link: string): readonly Uint8Array[] {
    const now = this.#deps.clock.now();
    return this.table(link).map((router) => encodeNdpFrame(replayOf(router, now)));
  }

  /** The routers that a host may send through now. */
  defaultRouters(link: string): readonly Ipv6[] {
    return defaultRouters(this.table(link), this.#deps.clock.now()).map(({ address }) => address);
  }

  /** An RA on that link. A container hears the one that is sent to it alone. */
  hear(link: string, frame: NdpFrame<RouterAdvertisement>): void {
    const segment = this.#segments.get(link);
    if (segment === undefined) return;
    const { table, isRefused } = hearRouter(segment.table, frame, this.#deps.clock.now());
    if (isRefused && !segment.isTold) {
      segment.isTold = true;
      this.#deps.log.warn(
        { link, router: frame.source, mac: frame.sourceMac },
        'router advertisement ignored: too many routers on this segment; see who sends them',
      );
    }
    this.#set(segment, table);
  }

  close(): void {
    for (const [link, segment] of this.#segments) this.#remove(link, segment);
  }

  /** Tells the listeners at once. In a flood of changes they are told once a second. */
  #tell(segment: Segment): void {
    const now = this.#deps.clock.now();
    segment.told = segment.told.filter((at) => at > now - TOLD_WITHIN);
    const [oldest] = segment.told;
    const isFlood = segment.told.length >= MOST_TOLD;
    segment.cancelTell();
    if (isFlood && oldest !== undefined) {
      segment.cancelTell = this.#deps.clock.at(oldest + TOLD_WITHIN, () => this.#tell(segment));
      return;
    }
    segment.told = [...segment.told, now];
    for (const listener of [...segment.listeners]) listener();
  }

  #add(link: string): Segment {
    const segment: Segment = {
      table: NO_ROUTERS,
      signature: '',
      listeners: new Set(),
      socket: undefined,
      cancelForget: () => undefined,
      cancelLook: () => undefined,
      cancelTell: () => undefined,
      told: [],
      isTold: false,
    };
    this.#segments.set(link, segment);
    this.#listen(link, segment);
    return segment;
  }

  #remove(link: string, segment: Segment): void {
    segment.cancelForget();
    segment.cancelLook();
    segment.cancelTell();
    segment.socket?.close();
    segment.socket = undefined;
    if (this.#segments.get(link) === segment) this.#segments.delete(link);
  }

  #listen(link: string, segment: Segment): void {
    const { openRouterSocket, clock, log } = this.#deps;
    const again = (err: unknown) => {
      segment.socket = undefined;
      log.debug({ link, err }, 'router advertisements cannot be heard on this link now');
      segment.cancelLook = clock.at(clock.now() + LOOK_FOR_LINK_EVERY, () => {
        if (this.#segments.get(link) === segment) this.#listen(link, segment);
      });
    };
    try {
      segment.socket = openRouterSocket(link, {
        onFrame: (frame, { checksumReady }) => this.#receive(link, frame, checksumReady),
        onError: again,
      });
    } catch (err) {
      again(err);
    }
  }

  #receive(link: string, frame: Uint8Array, checksumReady: boolean): void {
    let heard;
    try {
      heard = decodeNdpFrame(frame, { checksumReady });
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.#deps.log.debug({ link, what: error.what }, 'router advertisement malformed');
      return;
    }
    const { message } = heard;
    if (message.type === 'router-advertisement') this.hear(link, { ...heard, message });
  }

  #set(segment: Segment, table: RouterTable): void {
    const { clock } = this.#deps;
    segment.table = table;
    segment.cancelForget();
    segment.cancelForget = clock.at(nextRouterDeadline(table), () =>
      this.#set(segment, forgetRouters(segment.table, clock.now())),
    );
    const signature = signatureOf(table);
    if (signature === segment.signature) return;
    segment.signature = signature;
    this.#tell(segment);
  }
}
