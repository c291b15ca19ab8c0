/** The whole page: what it knows, and how its parts are arranged. */
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { duration } from '../../cli/views/times.ts';
import type { RecordedEvent } from '../../plugin/events/events.ts';
import { followEvents } from '../live/feed.ts';
import { pollState, type PluginState } from '../live/state.ts';
import {
  isChange,
  isOfNetwork,
  macOf,
  subjectOf,
  subjectOfEvent,
  withNew,
} from '../model/events.ts';
import { found, keepSame, nameOf, rowOf, sorted, type Order } from '../model/leases.ts';
import { EventList } from './event-list.tsx';
import { LeaseTable } from './lease-table.tsx';
import { Counts, Networks, titleOf } from './networks.tsx';
import { Plots } from './plots.tsx';
import { Header } from './header.tsx';
import { useTheme } from './theme.tsx';

/** What is shown of times is as coarse as minutes, but at the end. */
const TICK_MS = 5_000;

export function Page() {
  const { state, events, isLive, trouble, news } = useLiveData();
  const now = useNow(state?.aheadMs ?? 0);
  const [query, setQuery] = useState('');
  const [network, setNetwork] = useState<string>();
  const [order, setOrder] = useState<Order>({ by: 'name', isDown: false });
  const [theme, setTheme] = useTheme();

  const all = useMemo(() => (state?.leases ?? []).map((lease) => rowOf(lease, now)), [state, now]);
  const chosen = state?.networks.find((one) => one.network === network);
  const rows = useMemo(
    () => sorted(found(all, query, chosen?.network), order),
    [all, query, chosen, order],
  );
  const names = useMemo(
    () => new Map((state?.leases ?? []).map((lease) => [subjectOf(lease), nameOf(lease)])),
    [state],
  );
  const nameOfSubject = useCallback((subject: string) => names.get(subject), [names]);
  const ownEvents = useMemo(() => {
    const ofNetwork =
      chosen === undefined ? events : events.filter((one) => isOfNetwork(one, chosen.network));
    if (query.trim() === '') return ofNetwork;
    const subjects = new Set(rows.map(({ lease }) => subjectOf(lease)));
    return ofNetwork.filter((event) => subjects.has(subjectOfEvent(event) ?? ''));
  }, [events, chosen, query, rows]);
  const isFiltered = query.trim() !== '' || chosen !== undefined;

  return (
    <>
      <Header
        version={state?.version}
        isLive={isLive}
        trouble={trouble}
        query={query}
        onQuery={setQuery}
        theme={theme}
        onTheme={setTheme}
      />
      <p class="unseen" role="status">
        {news}
      </p>
      {state !== undefined && (
        <main>
          <Networks
            networks={state.networks}
            rows={all}
            chosen={chosen?.network}
            onChoose={setNetwork}
          />
          <section aria-label="Leases">
            <h2>
              Leases
              {chosen !== undefined && <bdi> of {titleOf(chosen)}</bdi>}
            </h2>
            <p class="summary">
              <Counts rows={rows} />
              {isFiltered && (
                <span>
                  {rows.length} of {all.length} shown{' '}
                  <button
                    type="button"
                    onClick={() => {
                      setQuery('');
                      setNetwork(undefined);
                    }}
                  >
                    Show all
                  </button>
                </span>
              )}
            </p>
            {rows.length === 0 ? (
              <p class="empty">{isFiltered ? 'No lease is like that.' : 'No lease yet.'}</p>
            ) : (
              <LeaseTable
                rows={rows}
                order={order}
                onOrder={setOrder}
                events={events}
                now={now}
                filter={`${query}\n${chosen?.network ?? ''}`}
              />
            )}
          </section>
          <Plots
            events={ownEvents}
            leases={rows}
            now={now}
            isSearched={query.trim() !== ''}
            theme={theme}
          />
          <EventList events={ownEvents} nameOf={nameOfSubject} />
        </main>
      )}
    </>
  );
}

interface LiveData {
  readonly state: PluginState | undefined;
  readonly events: readonly RecordedEvent[];
  readonly isLive: boolean;
  /** Why the page is not up to date, in one sentence. */
  readonly trouble: string | undefined;
  /** For a screen reader. */
  readonly news: string;
}

function useLiveData(): LiveData {
  const [state, setState] = useState<PluginState>();
  const [events, setEvents] = useState<readonly RecordedEvent[]>([]);
  const [isLive, setIsLive] = useState(false);
  const [failure, setFailure] = useState<string>();
  const [lostSince, setLostSince] = useState<number>();
  const names = useRef(new Map<string, string>());
  const [news, setNews] = useState('');
  useEffect(() => {
    const poller = pollState(
      (next) => {
        names.current = new Map(next.leases.map((lease) => [subjectOf(lease), nameOf(lease)]));
        setState((before) => ({ ...next, leases: keepSame(before?.leases ?? [], next.leases) }));
        setFailure(undefined);
      },
      (why) => setFailure(why),
    );
    const end = followEvents({
      onConnected: (isConnected) => {
        setIsLive(isConnected);
        setLostSince((since) => (isConnected ? undefined : (since ?? Date.now())));
        poller.ask();
      },
      onEvents: (more, isFirst) => {
        setEvents((before) => withNew(isFirst ? [] : before, more));
        if (isFirst || more.some(isChange)) poller.ask();
        const lost = isFirst ? undefined : more.findLast(({ type }) => type === 'lease.lost');
        const subject = lost === undefined ? undefined : subjectOfEvent(lost);
        if (lost === undefined || subject === undefined) return;
        setNews(`${names.current.get(subject) ?? macOf(lost) ?? ''} lost its lease`);
      },
    });
    return () => {
      end();
      poller.end();
    };
  }, []);
  const now = useNow(0);
  const since = lostSince === undefined ? '' : ` since ${duration(now - lostSince)}`;
  const trouble = isLive
    ? failure
    : lostSince === undefined
      ? undefined
      : `Not up to date${since}: ${failure ?? 'the connection is lost'}. The page tries again.`;
  return { state, events, isLive, trouble, news };
}

function useNow(aheadMs: number): number {
  const [tick, setTick] = useState(() => Date.now());
  useEffect(() => {
    const timer = window.setInterval(() => setTick(Date.now()), TICK_MS);
    return () => window.clearInterval(timer);
  }, []);
  return tick + aheadMs;
}
