/**
 * Puts together what is watched of the hub. The hub gets a store that tells, and its registrar and
 * echo say what came. They know nothing of operators.
 */
import type { Clock } from '../../clock.ts';
import type { JsonCall } from '../../uplink/json-http.ts';
import type { NftCounters } from '../../uplink/kernel/nft-counters.ts';
import type { MetricsText, ServiceTelling } from '../../uplink/watch/service-telling.ts';
import type { HubRecord } from '../hub-records.ts';
import type { HubState } from '../hub-state.ts';
import type { HubContents, HubStore } from '../hub-store.ts';
import type { Answer } from '../registrar/hub-answers.ts';
import type { HubStreams } from '../streams/hub-streams.ts';
import { withEventLimit } from './event-limit.ts';
import type { HubCounted, HubEvent } from './hub-events.ts';
import { hubMetrics } from './hub-metrics.ts';
import { MemberSilence } from './member-silence.ts';
import { WatchedStore } from './record-changes.ts';
import { refusals } from './refusals.ts';

export type HubTelling = ServiceTelling<HubEvent, HubCounted>;

export interface ObservedHubDeps {
  readonly telling: HubTelling;
  readonly clock: Clock;
  readonly record: HubRecord;
  readonly contents: HubContents;
  readonly store: HubStore;
  readonly counters: () => Promise<NftCounters>;
  readonly version: string;
}

export interface ObservedHub {
  /** What the hub writes to. */
  readonly store: HubStore;
  /** To be called after each answer of the registrar. */
  readonly answered: (call: JsonCall, answer: Answer) => void;
  /** To be called for each word. @param from an address in the tunnel. */
  readonly word: (from: string) => void;
  metrics(
    hub: Pick<HubState, 'contents' | 'peers' | 'now'>,
    streams: Pick<HubStreams, 'whence' | 'connections'>,
  ): MetricsText;
  close(): void;
}

export function observeHub(deps: ObservedHubDeps): ObservedHub {
  const { telling, clock, record, contents, counters, version } = deps;
  const emit = withEventLimit(telling.emit, clock);
  const { history } = telling;
  const silence = new MemberSilence({ record, clock, emit, history }, contents.members);
  const store = new WatchedStore(deps.store, {
    ...{ record, contents, emit, wall: () => clock.wall() },
    stored: (member) => silence.stored(member),
  });
  return {
    store,
    answered: refusals({ clock, emit, nameAt: (address) => store.nameAt(address) }),
    word: (from) => silence.word(from),
    metrics: (hub, streams) =>
      hubMetrics({
        ...{ telling, counters, version },
        contents: () => hub.contents,
        now: () => hub.now(),
        peers: () => hub.peers(),
        ages: () => silence.ages(),
        whence: (endpoint) => streams.whence(endpoint),
        connections: () => streams.connections,
      }),
    close: () => silence.close(),
  };
}
