/**
 * The stream of a member, beside UDP: which one there is, and the carrier while it is in use. The
 * carrier listens to WireGuard alone.
 */
import type { Logger } from '../../../logger.ts';
import type { LocalCarrier } from '../../streams/carrier.ts';
import type { OpenCarrier, StreamWay } from '../../streams/open-carrier.ts';
import { proxyWords, type ChooseProxy } from '../../streams/proxy/proxy-way.ts';
import { sshWords } from '../../streams/ssh-way.ts';
import type { UplinkRecord } from '../member-record.ts';
import { FirstHop, type FirstHopDeps } from './first-hop.ts';
import type { Streams, WaysSeen } from './attempts.ts';

export interface StreamSeen {
  readonly is: StreamWay['is'];
  /** To show: `hub.example.net:443`, `user@hub by a, b`. */
  readonly words: string;
  /** Why there is no stream now. Undefined if one is open, or was never opened. */
  readonly trouble: string | undefined;
}

export interface StreamDeps extends FirstHopDeps {
  readonly openCarrier: OpenCarrier;
  readonly chooseProxy: ChooseProxy;
  readonly log: Logger;
}

/** Its methods are not called while one of them runs. */
export class MemberStream {
  readonly #deps: StreamDeps;
  readonly #record: () => UplinkRecord;
  readonly #hop: FirstHop;
  #carrier: LocalCarrier | undefined;
  /** Of the carrier. */
  #way: string | undefined;

  /** @param hopFound called when the first host of the way is known. */
  constructor(deps: StreamDeps, record: () => UplinkRecord, hopFound: () => void) {
    this.#deps = deps;
    this.#record = record;
    this.#hop = new FirstHop(deps, hopFound);
  }

  get #streams(): Streams {
    const { via } = this.#record();
    if (via !== undefined) return 'only';
    return this.#wanted === undefined ? 'none' : 'also';
  }

  /** What the machine of the member is to know of it. */
  get ways(): WaysSeen & { readonly isIdle: boolean } {
    const { isOpen: isStreamOpen = false, trouble, isIdle = true } = this.#carrier ?? {};
    return {
      ...{ streams: this.#streams, isStreamOpen, isIdle },
      hasStreamFailed: trouble !== undefined,
    };
  }

  /** Undefined if there is only UDP. */
  get seen(): StreamSeen | undefined {
    const way = this.#wanted;
    return way && { is: way.is, words: wordsOf(way), trouble: this.#carrier?.trouble };
  }

  /** `ADDRESS:PORT` of the first host of the way. Undefined: not known. */
  get firstHop(): string | undefined {
    return this.#hop.endpoint;
  }

  /** For WireGuard to speak by. Undefined if there is only UDP. @throws PluginError. */
  async use(): Promise<string | undefined> {
    const carrier = await this.#opened();
    carrier?.mute(false);
    return carrier?.endpoint;
  }

  /** WireGuard speaks by UDP now, and is not to follow what comes by the stream. */
  mute(): void {
    this.#carrier?.mute(true);
  }

  /** @param port of WireGuard on this host. */
  serve(port: number | undefined): void {
    if (port !== undefined) this.#carrier?.serve(port);
  }

  /**
   * Opens it if it is not open, and anew if it is of no use.
   * @param hasMoved the host has another way, so the stream is of no use however young it is.
   * @throws PluginError.
   */
  async renew(hasMoved = false): Promise<void> {
    if (this.#carrier === undefined) await this.#opened();
    else this.#carrier.renew(hasMoved);
  }

  /** UDP is in use. */
  leave(): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  close(): void {
    this.#carrier?.close();
    this.#carrier = undefined;
  }

  async #opened(): Promise<LocalCarrier | undefined> {
    const way = this.#wanted;
    const key = JSON.stringify(way);
    if (key !== this.#way) {
      this.close();
      this.#hop.forget();
    }
    this.#way = key;
    if (way === undefined) return undefined;
    const link = this.#record().device;
    const { openCarrier, log } = this.#deps;
    this.#carrier ??= await openCarrier(way, (what) => {
      const fields = { link, way: wordsOf(way) };
      if (what !== 'opened') return log.info({ ...fields, why: what.ended }, 'uplink: no stream');
      log.info(fields, 'uplink: stream open');
      this.#hop.lookUp(way);
    });
    return this.#carrier;
  }

  get #wanted(): StreamWay | undefined {
    const { via, view, hub, proxy } = this.#record();
    if (via !== undefined) return { is: 'ssh', via };
    const url = view === undefined ? hub.tlsUrl : view.tlsUrl;
    if (url === undefined) return undefined;
    return { is: 'tls', url, proxy: this.#deps.chooseProxy(url, proxy) };
  }
}

function wordsOf(way: StreamWay): string {
  if (way.is === 'ssh') return sshWords(way.via);
  const { hostname, port, pathname } = new URL(way.url);
  const by = way.proxy === undefined ? '' : ` by ${proxyWords(way.proxy)}`;
  return `${hostname}:${port || 443}${pathname === '/' ? '' : pathname}${by}`;
}
