/** All about one lease, for a terminal: its facts, one in a line, and its history. */
import type { LeaseEntry, RecordedEvent } from '../admin-client.ts';
import type { Names } from '../docker.ts';
import { eventListing } from './event-lines.ts';
import { printed } from './format.ts';
import { clean } from './table.ts';
import { localTime, timeLeft } from './times.ts';

/** History is read from its end. */
const LINES_OF_HISTORY = 20;

export function leasePage(
  key: string,
  leases: readonly LeaseEntry[],
  history: readonly RecordedEvent[],
  { names, now }: { names: Names; now: number },
): string {
  const facts = leases.map((lease) => factsOf(lease, names, now));
  if (leases.length === 0) facts.push(`Nobody has ${key} now.`);
  const told = history.filter(({ type }) => type !== 'call.finished').slice(-LINES_OF_HISTORY);
  if (told.length === 0) return [...facts, 'No event of the history names it.'].join('\n\n');
  return [...facts, printed(eventListing(told, names), {}).text].join('\n\n');
}

function factsOf(lease: LeaseEntry, names: Names, now: number): string {
  const container = lease.holder === 'container' ? names.container(lease) : undefined;
  const when = (iso: string | undefined) =>
    iso === undefined || iso === 'infinite' ? iso : `${localTime(iso)} (${inTime(iso, now)})`;
  const holder = {
    container: container
      ? `${container.name} (${container.id.slice(0, 12)})`
      : 'not known to Docker',
    host: 'none: the host itself has this lease',
    nobody: 'none: the lease is held for a container that is gone',
  }[lease.holder];
  const { ipv6, lost, conflict } = lease;
  const facts: [string, string | undefined][] = [
    ['Address', lease.address ?? (lease.isIpv6Only === true ? undefined : 'none')],
    ['IPv6', ipv6?.address === undefined ? undefined : `${ipv6.address} (${ipv6.from ?? ''})`],
    ['Container', holder],
    ['Service', container?.service ?? lease.service],
    ['Network', `${names.network(lease.network, lease)}, ${lease.segment}`],
    ['MAC', lease.mac],
    ['State', lost === undefined ? lease.state : `${lease.state} since ${localTime(lost.at)}: ${lost.cause}`], // prettier-ignore
    ['Conflict', conflict && `${conflict.by} uses the address, too, last heard ${localTime(conflict.lastAt)}`], // prettier-ignore
    ['Router', lease.gateway],
    ['Server', lease.server],
    ['Held since', when(lease.heldSince)],
    ['Renews', when(lease.renewsAt)],
    ['Expires', when(lease.expiresAt)],
    ['IPv6 server', ipv6?.lease?.server],
    ['IPv6 expires', when(ipv6?.lease?.expiresAt)],
    ['Endpoint', lease.endpoint.slice(0, 12)],
  ];
  return facts
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name.padEnd(14)}${clean(value)}`]))
    .join('\n');
}

function inTime(iso: string, now: number): string {
  const left = timeLeft(iso, now);
  return left === 'over' ? 'over' : `in ${left}`;
}
