/** Asks the plugin over its admin socket. */
import { request, type IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import type { Finding } from '../plugin/doctor/finding.ts';
import type { RecordedEvent } from '../plugin/events/events.ts';
import type { LeaseEntry } from '../plugin/state/status/lease-list.ts';
import { CommandError } from './errors.ts';

const ANSWERED_WITHIN_MS = 10_000;

import type { FrameText } from '../plugin/leasing/frames/describe-frame.ts';

export type { Finding, LeaseEntry, RecordedEvent };

/** A network as the admin API tells it. */
export interface NetworkEntry {
  readonly network: string;
  readonly segment: string;
  readonly mode?: string;
  readonly mtu?: number;
  readonly bridge: string;
  /** How many leases are in which state. */
  readonly leases: Readonly<Record<string, number>>;
}

/** The first offer of one server on one VLAN. */
export interface VlanEntry {
  /** 0 is the VLAN without a tag. */
  readonly vlan: number;
  readonly server: string;
  readonly serverMac: string;
  /** The offered address, with its prefix length. */
  readonly subnet: string;
  readonly gateway?: string;
  readonly roundTripMs: number;
  /** The VLAN that was asked, if another one answered. */
  readonly askedVlan?: number;
}

type ProbeLine =
  | { readonly asked: number; readonly of: number }
  | { readonly answers: readonly VlanEntry[] }
  | { readonly error: string };

/** As `GET /v1/trace` tells it. */
export interface TracedFrame extends FrameText {
  readonly at: string;
  readonly direction: 'sent' | 'heard';
  readonly ignored?: string;
  readonly failed?: string;
  readonly endpoint?: string;
  readonly mac?: string;
  readonly segment?: string;
  readonly link: string;
  /** Base64. */
  readonly frame: string;
}

export class AdminClient {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  about(): Promise<object> {
    return this.#ask('GET', '/v1/plugin');
  }

  /** Metrics in the text format of Prometheus. */
  metrics(): Promise<string> {
    return this.#text('GET', '/metrics');
  }

  async networks(): Promise<readonly NetworkEntry[]> {
    return (await this.#ask<{ networks: NetworkEntry[] }>('GET', '/v1/networks')).networks;
  }

  async leases(): Promise<readonly LeaseEntry[]> {
    return (await this.#ask<{ leases: LeaseEntry[] }>('GET', '/v1/leases')).leases;
  }

  /** @param key an address, a MAC, or the beginning of an endpoint's id. */
  lease(
    key: string,
  ): Promise<{ leases: readonly LeaseEntry[]; history: readonly RecordedEvent[] }> {
    return this.#ask('GET', `/v1/leases/${encodeURIComponent(key)}`);
  }

  async act(action: 'renew' | 'release', key: string): Promise<LeaseEntry> {
    const path = `/v1/leases/${encodeURIComponent(key)}/${action}`;
    return (await this.#ask<{ lease: LeaseEntry }>('POST', path)).lease;
  }

  /**
   * The events that the query wants, oldest first.
   * @param opened called when the plugin has begun to answer: what happens from now on is told.
   * @param signal ends a query that follows.
   */
  async *events(
    query: Readonly<Record<string, string>>,
    { signal, opened }: { signal?: AbortSignal; opened?: () => void } = {},
  ): AsyncGenerator<RecordedEvent> {
    const path = `/v1/events?${new URLSearchParams(query).toString()}`;
    yield* this.#follow<RecordedEvent>(path, signal, opened);
    if (signal?.aborted !== true && query['follow'] === 'true') {
      throw this.#broken(new Error('the connection ended'));
    }
  }

  /**
   * What the plugin finds wrong. Takes up to 7 s.
   * @param network the beginning of a NetworkID. Undefined: all networks.
   */
  async doctor(network: string | undefined): Promise<readonly Finding[]> {
    const query = network === undefined ? '' : `?${new URLSearchParams({ network }).toString()}`;
    return (await this.#ask<{ findings: Finding[] }>('GET', `/v1/doctor${query}`)).findings;
  }

  /**
   * Which VLANs of a trunk have a DHCP server. Takes up to 40 s.
   * @param progress called with how many questions were sent, and of how many.
   */
  async probe(
    query: Readonly<Record<string, string>>,
    progress: (asked: number, of: number) => void,
    signal: AbortSignal,
  ): Promise<readonly VlanEntry[]> {
    const path = `/v1/probe?${new URLSearchParams(query).toString()}`;
    for await (const told of this.#follow<ProbeLine>(path, signal)) {
      if ('error' in told) throw new CommandError(told.error);
      if ('answers' in told) return told.answers;
      progress(told.asked, told.of);
    }
    if (signal.aborted) throw new CommandError('the probe was stopped before it was over');
    throw this.#broken(new Error('the connection ended'));
  }

  /** Frames of clients, as they are sent and heard. @param signal ends it. */
  async *trace(
    query: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): AsyncGenerator<TracedFrame> {
    yield* this.#follow<TracedFrame>(`/v1/trace?${new URLSearchParams(query).toString()}`, signal);
    if (!signal.aborted) throw this.#broken(new Error('the connection ended'));
  }

  async *#follow<Line>(
    path: string,
    signal: AbortSignal | undefined,
    opened?: () => void,
  ): AsyncGenerator<Line> {
    let response: IncomingMessage | undefined;
    try {
      response = await this.#open('GET', path, signal);
      opened?.();
      for await (const line of createInterface({ input: response })) yield JSON.parse(line) as Line;
    } catch (error) {
      if (signal?.aborted === true) return;
      throw error instanceof CommandError ? error : this.#broken(error);
    } finally {
      response?.destroy();
    }
  }

  async #ask<Body>(method: string, path: string): Promise<Body> {
    const text = await this.#text(method, path);
    try {
      return JSON.parse(text) as Body;
    } catch (error) {
      throw this.#broken(error);
    }
  }

  async #text(method: string, path: string): Promise<string> {
    const response = await this.#open(method, path, AbortSignal.timeout(ANSWERED_WITHIN_MS));
    try {
      return await textOf(response);
    } catch (error) {
      throw this.#broken(error);
    }
  }

  /** @throws CommandError with what the plugin says, if it refuses. */
  async #open(method: string, path: string, signal?: AbortSignal): Promise<IncomingMessage> {
    let response: IncomingMessage;
    try {
      response = await new Promise((resolve, reject) => {
        const options = { socketPath: this.#socketPath, path, method, agent: false as const };
        const call = request({ ...options, ...(signal && { signal }) }, resolve);
        call.on('error', reject);
        call.end();
      });
    } catch (error) {
      throw this.#unreachable(error);
    }
    if ((response.statusCode ?? 500) < 300) return response;
    const text = await textOf(response);
    throw new CommandError(sentenceOf(text) ?? `the plugin answered ${text.slice(0, 200)}`);
  }

  #unreachable(error: unknown): CommandError {
    const { code, name } = error as NodeJS.ErrnoException;
    const path = this.#socketPath;
    if (code === 'EACCES')
      return new CommandError(`only root may ask ${path}; type sudo before it`);
    if (code === 'ENOENT' || code === 'ECONNREFUSED') {
      return new CommandError(
        `nobody listens on ${path}: the plugin is stopped, or older than this command; see: docker plugin ls`,
      );
    }
    if (name === 'TimeoutError') {
      return new CommandError(
        `the plugin did not answer on ${path} within ${ANSWERED_WITHIN_MS / 1000} s; see its log`,
      );
    }
    return new CommandError(`the plugin cannot be asked on ${path}: ${(error as Error).message}`);
  }

  #broken(error: unknown): CommandError {
    return new CommandError(
      `the plugin ended while it answered: ${(error as Error).message}; type the command again when it is back`,
    );
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk as string;
  return text;
}

function sentenceOf(text: string): string | undefined {
  try {
    const { error } = JSON.parse(text) as { error?: unknown };
    return typeof error === 'string' ? error : undefined;
  } catch {
    return undefined;
  }
}
