/** All about one lease: its facts, what to paste into a DHCP server, and its history. */
import { useState } from 'preact/hooks';
import {
  reservationLines,
  reservationOf,
  SERVERS,
  type ServerKind,
} from '../../cli/views/reservations.ts';
import { localTime, timeLeft } from '../../cli/views/times.ts';
import type { RecordedEvent } from '../../plugin/events/events.ts';
import { subjectOf, subjectOfEvent } from '../model/events.ts';
import { nameOf, type Lease } from '../model/leases.ts';
import { copyText } from './copy.ts';
import { EventItem } from './event-list.tsx';

const MOST_EVENTS = 20;
const LABELS: Readonly<Record<ServerKind, string>> = {
  ...{ dnsmasq: 'dnsmasq', isc: 'ISC dhcpd', kea: 'Kea', csv: 'CSV' },
};
const KEPT_AS = 'vlandhcp.server';

export interface LeaseDetailsProps {
  readonly lease: Lease;
  readonly events: readonly RecordedEvent[];
  readonly now: number;
}

export function LeaseDetails({ lease, events, now }: LeaseDetailsProps) {
  const own = events.filter((event) => subjectOfEvent(event) === subjectOf(lease));
  const last = own.slice(-MOST_EVENTS).reverse();
  return (
    <div class="lease-details">
      <dl>
        {factsOf(lease, now).map(([what, value]) => (
          <div key={what}>
            <dt>{what}</dt>
            <dd>
              <bdi>{value}</bdi>
            </dd>
          </div>
        ))}
      </dl>
      <Reservation lease={lease} />
      <h3>History</h3>
      {last.length === 0 && <p class="empty">The history has no event of this lease.</p>}
      <ul class="events">
        {last.map((event) => (
          <EventItem key={event.id} event={event} whose="" />
        ))}
      </ul>
    </div>
  );
}

function factsOf(lease: Lease, now: number): [string, string][] {
  const { gateway, ipv6, server, renewsAt, rebindsAt, expiresAt, heldSince, conflict } = lease;
  const { lost, segment, network, networkName, endpoint, service } = lease;
  const time = (iso: string | undefined) =>
    iso === undefined || iso === 'infinite' ? iso : `${localTime(iso)} (${timeLeft(iso, now)})`;
  const facts: [string, string | undefined][] = [
    ['Network', [networkName, segment, network.slice(0, 12)].filter(Boolean).join(', ')],
    ['Service', service],
    ['Gateway', gateway],
    ['IPv6', ipv6 && (ipv6.address ?? 'none')],
    ['DHCP server', server],
    ['Renews at', time(renewsAt)],
    ['Rebinds at', time(rebindsAt)],
    ['Expires at', time(expiresAt)],
    ['Lost', lost && `${localTime(lost.at)}: ${lost.cause}`],
    ['Held since', heldSince && localTime(heldSince)],
    ['Also used by', conflict?.by],
    ['Endpoint', endpoint.slice(0, 12)],
  ];
  return facts.filter((fact): fact is [string, string] => fact[1] !== undefined);
}

function Reservation({ lease }: { readonly lease: Lease }) {
  const [kind, setKind] = useState<ServerKind>(keptKind);
  const [copied, setCopied] = useState<string>();
  // An ID is no name for a server to keep.
  const container = lease.nameFrom === 'id' ? '' : nameOf(lease);
  const reservation = reservationOf(lease, { network: lease.segment, container });
  if (reservation === undefined) return null;
  const text = reservationLines(kind, [reservation]);
  const choose = (chosen: ServerKind) => {
    setKind(chosen);
    try {
      localStorage.setItem(KEPT_AS, chosen);
    } catch {
      // A browser without a memory asks again each time.
    }
  };
  const copy = async () => setCopied((await copyText(text)) ? text : undefined);
  return (
    <div class="reservation">
      <label>
        Reservation for{' '}
        <select
          value={kind}
          onChange={({ currentTarget }) => choose(currentTarget.value as ServerKind)}
        >
          {SERVERS.map((name) => (
            <option key={name} value={name}>
              {LABELS[name]}
            </option>
          ))}
        </select>
      </label>
      <code class="line">{text}</code>
      <button type="button" onClick={() => void copy()}>
        Copy
      </button>
      <span role="status">{copied === text ? 'Copied' : ''}</span>
    </div>
  );
}

function keptKind(): ServerKind {
  try {
    const text = localStorage.getItem(KEPT_AS);
    return SERVERS.find((kind) => kind === text) ?? SERVERS[0];
  } catch {
    return SERVERS[0];
  }
}
