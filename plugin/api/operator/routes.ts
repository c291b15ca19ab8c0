/**
 * Which request of an operator gets which answer. Paths begin with the version of the API. What a
 * version answers only grows: fields are added, and none changes its meaning.
 */
import type { EventBus } from '../../events/event-bus.ts';
import type { Finding } from '../../doctor/finding.ts';
import { EVENT_TYPES, type RecordedEvent } from '../../events/events.ts';
import type { LeaseEntry } from '../../state/status/lease-list.ts';
import type { NetworkEntry } from '../../state/status/network-list.ts';
import { PluginError } from '../../vocabulary/errors.ts';
import type { EventsWanted } from '../../runtime/telling/event-stream.ts';
import { eventsWanted } from '../../runtime/telling/events-wanted.ts';
import { probeWanted, type Probe, type ProbeWanted } from './probe-stream.ts';
import { traceWanted, type TraceWanted, type Watch } from './trace-stream.ts';
import { findLeases, historyOf, type LeaseKey, parseKey } from './lease-key.ts';

/** What `plugin/driver` promises to operators. */
export interface Operator {
  networks(): readonly NetworkEntry[];
  leases(): readonly LeaseEntry[];
  /** @throws PluginError LEASE_BUSY. */
  renew(lease: LeaseEntry): void;
  /** @throws PluginError LEASE_BUSY. */
  release(lease: LeaseEntry): Promise<void>;
  readonly probe: Probe;
  readonly watch: Watch;
  /** @throws PluginError LEASE_BUSY. */
  doctor(network: string | undefined): Promise<readonly Finding[]>;
}

export interface Asked {
  readonly plugin: Operator;
  readonly bus: Pick<EventBus, 'list'>;
  /** Version and settings. */
  readonly about: object;
}

export type Answer =
  | { readonly kind: 'json'; readonly status: number; readonly body: object }
  | ({ readonly kind: 'events' } & EventsWanted<RecordedEvent>)
  | ({ readonly kind: 'probe' } & ProbeWanted)
  | ({ readonly kind: 'trace' } & TraceWanted);

const PATHS =
  'GET /v1/plugin, GET /v1/networks, GET /v1/leases, GET /v1/leases/KEY, POST /v1/leases/KEY/renew, POST /v1/leases/KEY/release, GET /v1/events, GET /v1/trace, GET /v1/probe, GET /v1/doctor';

/** @throws PluginError if the request is wrong, or if the lease does not allow it. */
export async function answerTo(
  method: string,
  target: string,
  { plugin, bus, about }: Asked,
): Promise<Answer> {
  const { path, query } = parseTarget(target);
  const [version, kind, key, action, ...rest] = path;
  const call = `${method} ${[kind, key && 'KEY', action].filter((part) => part).join('/')}`;
  if (version === 'v1' && rest.length === 0) {
    switch (call) {
      case 'GET plugin':
        return json(200, about);
      case 'GET networks':
        return json(200, { networks: plugin.networks() });
      case 'GET leases':
        return json(200, { leases: leasesOf(plugin, query.get('network')) });
      case 'GET leases/KEY':
        return leaseAnswer(plugin, bus, parseKey(key ?? ''));
      case 'POST leases/KEY/renew':
        return act(plugin, parseKey(key ?? ''), (lease) => plugin.renew(lease));
      case 'POST leases/KEY/release':
        return act(plugin, parseKey(key ?? ''), (lease) => plugin.release(lease));
      case 'GET events':
        return { kind: 'events', ...eventsWanted(query, bus, EVENT_TYPES) };
      case 'GET trace':
        return { kind: 'trace', ...traceWanted(query) };
      case 'GET doctor':
        return json(200, { findings: await plugin.doctor(query.get('network') ?? undefined) });
      case 'GET probe':
        return { kind: 'probe', ...probeWanted(query) };
    }
  }
  const asked = `${method} ${target.slice(0, 100)}`;
  return json(404, { error: `the admin API has no ${asked}; it has ${PATHS}` });
}

/** @throws PluginError INVALID_REQUEST. */
export function parseTarget(target: string): { path: string[]; query: URLSearchParams } {
  try {
    const { pathname, searchParams } = new URL(target, 'http://plugin');
    return { path: pathname.slice(1).split('/').map(decodeURIComponent), query: searchParams };
  } catch {
    throw new PluginError(
      'INVALID_REQUEST',
      `the path ${JSON.stringify(target.slice(0, 100))} is not a path of a URL`,
    );
  }
}

/** @param network the beginning of a NetworkID, or nothing. */
function leasesOf(plugin: Operator, network: string | null): readonly LeaseEntry[] {
  const all = plugin.leases();
  return network === null ? all : all.filter((lease) => lease.network.startsWith(network));
}

function leaseAnswer(plugin: Operator, bus: Pick<EventBus, 'list'>, key: LeaseKey): Answer {
  const leases = findLeases(plugin.leases(), key);
  const history = historyOf(bus.list(), key, leases);
  if (leases.length > 0 || history.length > 0) return json(200, { leases, history });
  return json(404, { error: `nobody has ${key.text} now, and no event of the history names it` });
}

async function act(
  plugin: Operator,
  key: LeaseKey,
  work: (lease: LeaseEntry) => Promise<void> | void,
): Promise<Answer> {
  const [lease, ...others] = findLeases(plugin.leases(), key);
  if (lease === undefined) return json(404, { error: `no lease of this host is of ${key.text}` });
  if (others.length > 0) {
    const ids = [lease, ...others].map(({ endpoint, segment }) => `${endpoint} (${segment})`);
    return json(409, {
      error: `more than one lease is of ${key.text}; name one by its endpoint: ${ids.join(', ')}`,
    });
  }
  await work(lease);
  return json(202, { lease });
}

function json(status: number, body: object): Answer {
  return { kind: 'json', status, body };
}
