/** What names a lease in a path of the admin API: its address, its MAC, or its endpoint's id. */
import type { RecordedEvent } from '../../events/events.ts';
import type { LeaseEntry } from '../../state/status/lease-list.ts';
import { PluginError } from '../../vocabulary/errors.ts';

export interface LeaseKey {
  readonly kind: 'address' | 'mac' | 'endpoint';
  readonly text: string;
}

const ADDRESS4 = /^\d{1,3}(\.\d{1,3}){3}$/;
const ADDRESS6 = /^[0-9a-f:]{2,39}$/i;
const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i;
/** Docker shows 12 digits of an id. */
const ENDPOINT = /^[0-9A-Za-z._-]{4,128}$/;

/** @throws PluginError INVALID_REQUEST. */
export function parseKey(text: string): LeaseKey {
  if (ADDRESS4.test(text)) return { kind: 'address', text };
  if (MAC.test(text)) return { kind: 'mac', text: text.toLowerCase() };
  if (text.includes(':') && ADDRESS6.test(text))
    return { kind: 'address', text: text.toLowerCase() };
  if (ENDPOINT.test(text)) return { kind: 'endpoint', text };
  throw new PluginError(
    'INVALID_REQUEST',
    `${JSON.stringify(text.slice(0, 100))} is not an address, a MAC, or 4 characters or more of an endpoint's id`,
  );
}

export function findLeases(leases: readonly LeaseEntry[], { kind, text }: LeaseKey): LeaseEntry[] {
  return leases.filter(({ address, ipv6, mac, endpoint }) => {
    switch (kind) {
      case 'address':
        return bare(address) === text || bare(ipv6?.address) === text;
      case 'mac':
        return mac === text;
      case 'endpoint':
        return endpoint.startsWith(text);
    }
  });
}

/**
 * What happened to the lease. An address finds those who had it before, too: the history of an
 * address is of the address, and that of a container is of its MAC on its network.
 */
export function historyOf(
  events: readonly RecordedEvent[],
  { kind, text }: LeaseKey,
  leases: readonly LeaseEntry[],
): RecordedEvent[] {
  const subjects = new Set(leases.map(subjectOf));
  // Some events have the first 12 characters of an id.
  const ids = new Set(leases.map(({ endpoint }) => endpoint.slice(0, 12)));
  return events.filter((event) => {
    const mac = 'mac' in event ? event.mac : undefined;
    const endpoint = 'endpoint' in event ? event.endpoint : undefined;
    const network = 'network' in event ? event.network : undefined;
    if (mac !== undefined && subjects.has(subjectOf({ mac, network }))) return true;
    if (endpoint !== undefined && ids.has(endpoint.slice(0, 12))) return true;
    switch (kind) {
      case 'address':
        return addressesOf(event).includes(text);
      case 'mac':
        return mac === text;
      case 'endpoint':
        return endpoint?.startsWith(text) === true;
    }
  });
}

function addressesOf(event: RecordedEvent): (string | undefined)[] {
  if (!('address' in event)) return [];
  return [event.address, 'before' in event ? event.before : undefined];
}

function bare(address: string | undefined): string | undefined {
  return address?.split('/')[0];
}

/**
 * Whose an event is. A container on another network may have the same MAC. Some events have the
 * first 12 characters of an id, and none has the word `pool` before it.
 */
function subjectOf({
  mac,
  network = '',
}: {
  readonly mac: string;
  readonly network?: string | undefined;
}): string {
  return `${network.replace(/^pool /, '').slice(0, 12)} ${mac}`;
}
