/** Events as lines for people: when, what, whose, and the facts. */
import type { LeaseEntry, RecordedEvent } from '../admin-client.ts';
import type { Names } from '../docker.ts';
import type { Listing, Row } from './format.ts';
import { clean } from './table.ts';
import { localTime } from './times.ts';

const EVENT_FIELDS = ['Time', 'Type', 'Network', 'Container', 'Text', 'ID', 'Address', 'MAC'];

export function eventListing(events: readonly RecordedEvent[], names: Names): Listing {
  return {
    rows: events.map((event) => eventRow(event, names)),
    json: events,
    fields: EVENT_FIELDS,
    columns: EVENT_FIELDS.slice(0, 5),
  };
}

/** One event in one line, as wide as it is: lines that follow cannot be aligned. */
export function eventLine(event: RecordedEvent, names: Names): string {
  const { Time, Type, Network, Container, Text } = eventRow(event, names);
  return [Time, Type?.padEnd(16), Network, Container, Text]
    .filter((part) => part !== '')
    .join('  ')
    .trimEnd();
}

function eventRow(event: RecordedEvent, names: Names): Row {
  const network = 'network' in event ? event.network : undefined;
  const mac = ('mac' in event ? event.mac : undefined) ?? '';
  const endpoint = 'endpoint' in event ? event.endpoint : undefined;
  const holder = { endpoint: endpoint ?? '', mac };
  return {
    Time: localTime(event.at),
    Type: event.type,
    Network: network === undefined ? '' : names.network(network, holder),
    Container: names.container(holder)?.name ?? (mac || (endpoint?.slice(0, 12) ?? '')),
    Text: clean(factsOf(event)),
    ID: String(event.id),
    Address: 'address' in event ? (event.address ?? '') : '',
    MAC: mac,
  };
}

export function factsOf(event: RecordedEvent): string {
  switch (event.type) {
    case 'lease.acquired':
    case 'lease.renewed':
    case 'lease.held':
    case 'lease.given-back':
      return `${event.address ?? 'no address'}${by(event.server)}`;
    case 'lease.changed':
      return event.before === undefined
        ? `${event.address ?? 'no address'}, other terms${by(event.server)}`
        : `${event.before} became ${event.address ?? 'no address'}${by(event.server)}`;
    case 'lease.lost':
      return `${event.address ?? 'no address'}: ${event.cause ?? 'unknown'}${by(event.server)}`;
    case 'address.conflict':
      return `${event.address} is also used by ${event.by}`;
    case 'server.ignored':
      return `${event.message} of ${event.server}: ${event.reason}`;
    case 'server.refused':
      return `NAK${by(event.server)}${event.text === undefined ? '' : `: ${event.text}`}`;
    case 'link.made':
    case 'link.removed':
    case 'link.gone':
    case 'link.back':
      return event.link;
    case 'network.created':
    case 'network.removed':
      return `${event.segment}, mode=${event.mode}`;
    case 'call.finished':
      return `${event.call} ${event.ms} ms${event.error === undefined ? '' : `: ${event.error}`}`;
    case 'trouble':
      return `${event.level}: ${event.message}${fieldsText(event.fields)}`;
    case 'plugin.started':
    case 'plugin.stopped':
      return `version ${event.version}`;
  }
}

function by(server: string | undefined): string {
  return server === undefined ? '' : `, server ${server}`;
}

/** @param fields undefined in a line of a damaged history. */
function fieldsText(fields: Readonly<Record<string, unknown>> = {}): string {
  const texts = Object.entries(fields).map(([key, value]) => `${key} ${String(value)}`);
  return texts.length === 0 ? '' : ` (${texts.join(', ')})`;
}

/** True for what tells how a request to renew ended. */
export function isAnswerFor(
  { mac, endpoint, holder }: Pick<LeaseEntry, 'mac' | 'endpoint' | 'holder'>,
  event: RecordedEvent,
): boolean {
  const answers = ['lease.renewed', 'lease.changed', 'lease.lost', 'server.refused'];
  const isOfIpv6 = 'family' in event && event.family === 6;
  if (!('mac' in event) || event.mac !== mac || isOfIpv6) return false;
  // A container on another VLAN may have the same MAC.
  return answers.includes(event.type) && (holder === 'host' || event.endpoint === endpoint);
}
