/**
 * What the services of hub and uplink tell operators: a history of events that survives restarts,
 * and metrics. Both are told on the admin socket, and on a TCP port if the settings ask for one.
 */
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { Clock } from '../../clock.ts';
import type { Logger } from '../../logger.ts';
import { HistoryBus } from '../../runtime/history/history-bus.ts';
import { HistoryFile } from '../../runtime/history/history-file.ts';
import type { Recorded } from '../../runtime/history/recorded.ts';
import { withTroubleEvents } from '../../runtime/history/trouble.ts';
import { streamEvents } from '../../runtime/telling/event-stream.ts';
import { eventsWanted } from '../../runtime/telling/events-wanted.ts';
import { Followers } from '../../runtime/telling/followers.ts';
import { openPort, servePort, type PortSettings } from '../../runtime/telling/open-port.ts';
import { fail, sendText } from '../../runtime/telling/requests.ts';
import { PluginError } from '../../vocabulary/errors.ts';
import type { Telling } from '../admin-socket.ts';
import type { CommonEvent } from './common-events.ts';

/** Of the 32 connections that the admin socket has. Commands need some, too. */
const MOST_FOLLOWERS = 16;
const PATHS = ['/metrics', '/v1/events'];
/** What readers take for a text without a look. */
const TEXTS = [
  ...['uplink', 'site', 'member', 'name', 'address', 'host', 'reason', 'message', 'way', 'from'],
  ...['fingerprint', 'call', 'error', 'usedBy', 'cause', 'level', 'version'],
];

export interface TellingSettings extends PortSettings {
  readonly eventsKept: number;
}

/** The text that Prometheus reads. */
export interface MetricsText {
  /** The Content-Type of the text. */
  readonly type: string;
  text(): Promise<string>;
}

export interface TellingDeps {
  /** The history is in the folder `events` of it. */
  readonly stateDir: string;
  readonly settings: TellingSettings;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** @typeParam Counted what metrics count and no history has. */
export class ServiceTelling<
  Event extends { readonly type: string },
  Counted extends { readonly type: string } = never,
> {
  readonly #deps: TellingDeps;
  readonly #types: Readonly<Record<string, string>>;
  readonly #bus: HistoryBus<Event | CommonEvent, Counted>;
  readonly #file: HistoryFile<Event | CommonEvent>;
  readonly #closing: (() => Promise<void>)[] = [];
  /** The log of the service. What an operator must see becomes an event. */
  readonly log: Logger;

  /** @param types each type of event, with what it tells. Others are only counted. */
  constructor(types: Readonly<Record<string, string>>, deps: TellingDeps) {
    this.#deps = deps;
    this.#types = types;
    const { clock, log, settings, stateDir } = deps;
    const size = settings.eventsKept;
    const isCounted = (event: Event | CommonEvent | Counted): event is Counted =>
      !Object.hasOwn(types, event.type);
    this.#bus = new HistoryBus<Event | CommonEvent, Counted>(clock, size, isCounted);
    this.#file = new HistoryFile(join(stateDir, 'events'), {
      ...{ size, clock, rule: { types, texts: TEXTS } },
      onTrouble: (err) => log.warn({ err }, 'history of events not written; it goes on in memory'),
    });
    this.log = withTroubleEvents(log, (event) => this.#bus.emit(event));
  }

  readonly emit = (event: Event | CommonEvent | Counted): void => this.#bus.emit(event);

  /** Reads what was told before this process. Never fails. */
  async open(): Promise<void> {
    for (const event of this.#bus.adopt(await this.#file.load())) this.#file.append(event);
    this.#bus.subscribe((event) => this.#file.append(event));
    this.emit({ type: 'service.started', version: this.#deps.version });
  }

  /** Oldest first. */
  get history(): readonly Recorded<Event | CommonEvent>[] {
    return this.#bus.list();
  }

  count(counter: (event: Event | CommonEvent | Counted) => void): void {
    this.#bus.count(counter);
  }

  /** What the admin socket or the TCP port tells. Who follows one takes no place of the other. */
  tells(metrics: MetricsText): Telling {
    const followers = new Followers(MOST_FOLLOWERS);
    return {
      has: (path) => PATHS.includes(path),
      answer: async (path, query, response) => {
        if (path !== '/metrics') return this.#tellEvents(query, response, followers);
        sendText(response, 200, metrics.type, await metrics.text());
      },
    };
  }

  /** Opens the TCP port, if there is to be one. Never fails. */
  async openPort(metrics: MetricsText): Promise<void> {
    const { settings } = this.#deps;
    const tells = this.tells(metrics);
    const port = await openPort(settings, this.log, (listen, token) =>
      servePort(listen, token, this.log, async ({ url = '' }, response) => {
        const [path = '', query] = url.split('?');
        if (tells.has(path)) return tells.answer(path, new URLSearchParams(query), response);
        fail(response, 404, `this port has no ${path.slice(0, 100)}; it has ${PATHS.join(', ')}`);
      }),
    );
    if (port !== undefined) this.#closing.push(() => port.close());
  }

  async close(): Promise<void> {
    for (const close of this.#closing.splice(0)) await close();
    this.emit({ type: 'service.stopped', version: this.#deps.version });
    await this.#file.close();
  }

  async #tellEvents(
    query: URLSearchParams,
    response: ServerResponse,
    followers: Followers,
  ): Promise<void> {
    try {
      const wanted = eventsWanted(query, this.#bus, this.#types);
      const full = wanted.follow ? followers.refusal(response) : undefined;
      if (full !== undefined) return fail(response, 503, full);
      await streamEvents(response, this.#bus, wanted);
    } catch (error) {
      if (!(error instanceof PluginError)) throw error;
      fail(response, 400, error.message);
    }
  }
}
