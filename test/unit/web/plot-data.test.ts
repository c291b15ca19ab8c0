import { expect, it } from 'vitest';
import type { RecordedEvent } from '../../../plugin/events/events.ts';
import { answerTimes, leasesOverTime, msText, summaryOf } from '../../../web/model/plot-data.ts';
import { eventOf } from '../../support/pages/page-site.ts';
import { leaseEntry } from '../../support/fakes/lease-entries.ts';

const START = Date.parse('2026-11-28T03:00:00Z');
const one = leaseEntry();
const other = leaseEntry({ mac: '02:00:00:00:00:02', endpoint: 'f'.repeat(64) });

/** Each a minute after the one before. */
function recorded(...events: readonly ReturnType<typeof eventOf>[]): RecordedEvent[] {
  return events.map((event, index) => ({
    ...{ ...event, id: index + 1, at: new Date(START + index * 60_000).toISOString() },
  }));
}
const counts = (events: RecordedEvent[], leases = [one]) =>
  leasesOverTime(events, leases, START + 600_000)[1];

it('a lease is in use from when it was acquired until it is lost, held or given back', () => {
  const events = recorded(
    eventOf(one, 'lease.acquired'),
    eventOf(other, 'lease.acquired'),
    eventOf(one, 'lease.lost'),
    eventOf(one, 'lease.acquired'),
    eventOf(other, 'lease.held'),
    eventOf(other, 'lease.given-back'),
  );
  expect(counts(events)).toEqual([1, 2, 1, 2, 1, 1]);
});

it('what the first event of a lease tells counts for the time before the history', () => {
  expect(counts(recorded(eventOf(one, 'lease.renewed'), eventOf(other, 'lease.lost')))).toEqual([
    ...[2, 1, 1],
  ]);
});

it('a lease without an event has been in use all the time; one that is held, or lost, has not', () => {
  const held = leaseEntry({ mac: '02:00:00:00:00:03', holder: 'nobody', state: 'held' });
  expect(counts([], [one, other, held])).toEqual([2]);
});

it('IPv4 and IPv6 of a container are one lease', () => {
  const both = recorded(
    eventOf(one, 'lease.acquired'),
    eventOf(one, 'lease.acquired', { family: 6 }),
    eventOf(one, 'lease.lost', { family: 6 }),
  );
  expect(counts(both)).toEqual([1, 1]);
  const alone = recorded(eventOf(other, 'lease.acquired', { family: 6 }));
  expect(counts(alone, [])).toEqual([1, 1]);
});

it('answers are of first leases or of renewals, and events without a time are left out', () => {
  const data = answerTimes(
    recorded(
      eventOf(one, 'lease.acquired', { answerMs: 3 }),
      eventOf(one, 'lease.lost'),
      eventOf(one, 'lease.renewed', { answerMs: 0 }),
    ),
  );
  const at = START / 1000;
  // A logarithmic scale has no 0.
  expect(data).toEqual([
    [at, at + 120],
    [3, null],
    [null, 0.1],
  ]);
  expect(summaryOf(data)).toEqual({ count: 2, median: 0.1, most: 3 });
  expect(summaryOf([[], []])).toBeUndefined();
});

it('durations are as coarse as people read them', () => {
  expect([0.1, 2.34, 12.6, 1_000, 1_234].map(msText)).toEqual([
    ...['0.1 ms', '2.3 ms', '13 ms', '1 s', '1.2 s'],
  ]);
});
