/** The points of the two plots, computed from events. */
import type { RecordedEvent } from '../../plugin/events/events.ts';
import type { Lease } from './leases.ts';

/** Seconds since 1970, and for each series its values. Null: no point there. */
export type PlotData = [number[], ...(number | null)[][]];

/** What a logarithmic scale can show. */
const LEAST_MS = 0.1;

const secondsOf = (at: string): number => Date.parse(at) / 1000;

/** How long DHCP servers took to answer: for first leases, and for renewals. */
export function answerTimes(events: readonly RecordedEvent[]): PlotData {
  const times: number[] = [];
  const first: (number | null)[] = [];
  const renewals: (number | null)[] = [];
  for (const event of events) {
    if (!('answerMs' in event) || event.answerMs === undefined) continue;
    const at = secondsOf(event.at);
    if (Number.isNaN(at)) continue;
    const ms = Math.max(LEAST_MS, event.answerMs);
    const isFirst = event.type === 'lease.acquired';
    times.push(at);
    first.push(isFirst ? ms : null);
    renewals.push(isFirst ? null : ms);
  }
  return [times, first, renewals];
}

/** Which lease an event is about. A MAC stays when the lease changes its holder. */
const keyOf = ({ network = '', mac }: { network?: string | undefined; mac: string }): string =>
  `${network.slice(0, 12)} ${mac}`;

/**
 * How many leases were in use at which time. Held leases do not count.
 * @param leases those of now. A lease without an event in the history has been there all the time.
 */
export function leasesOverTime(
  events: readonly RecordedEvent[],
  leases: readonly Lease[],
  now: number,
): PlotData {
  const all = events.filter(isOfLease);
  // A container of both families counts once, by its IPv4.
  const withIpv4 = new Set(all.filter(({ family }) => family === 4).map(keyOf));
  const ofLeases = all.filter((event) => event.family === 4 || !withIpv4.has(keyOf(event)));
  const inUse = new Set<string>();
  const seen = new Set<string>();
  for (const event of ofLeases) {
    const key = keyOf(event);
    if (seen.has(key)) continue;
    seen.add(key);
    const wasInUse = ['lease.renewed', 'lease.changed', 'lease.lost', 'lease.held'];
    if (wasInUse.includes(event.type)) inUse.add(key);
  }
  for (const lease of leases) {
    if (lease.holder !== 'nobody' && lease.lost === undefined && !seen.has(keyOf(lease))) {
      inUse.add(keyOf(lease));
    }
  }
  const times: number[] = [];
  const counts: number[] = [];
  for (const event of ofLeases) {
    const before = inUse.size;
    const isIn = ['lease.acquired', 'lease.renewed', 'lease.changed'].includes(event.type);
    if (isIn) inUse.add(keyOf(event));
    else inUse.delete(keyOf(event));
    const at = secondsOf(event.at);
    if (Number.isNaN(at) || (inUse.size === before && times.length > 0)) continue;
    times.push(at);
    counts.push(inUse.size);
  }
  times.push(now / 1000);
  counts.push(inUse.size);
  return [times, counts];
}

type OfLease = Extract<RecordedEvent, { readonly family: 4 | 6 }>;

function isOfLease(event: RecordedEvent): event is OfLease {
  return event.type.startsWith('lease.');
}

/** The middle and the largest value of all series. Undefined without one. */
export function summaryOf([, ...series]: PlotData):
  { readonly count: number; readonly median: number; readonly most: number } | undefined {
  const values = series
    .flat()
    .filter((value) => value !== null)
    .sort((one, other) => one - other);
  const most = values.at(-1);
  const median = values[Math.floor((values.length - 1) / 2)];
  if (most === undefined || median === undefined) return undefined;
  return { count: values.length, median, most };
}

/** `2.3 ms`, `1.2 s` */
export function msText(ms: number): string {
  if (ms >= 1000) return `${Math.round(ms / 100) / 10} s`;
  return `${ms < 10 ? String(Math.round(ms * 10) / 10) : String(Math.round(ms))} ms`;
}
