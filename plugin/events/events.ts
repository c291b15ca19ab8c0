/**
 * The closed list of what the plugin tells operators (D16): history, admin API and command line
 * read it. docs/events.md describes each type, and test/unit/events/events.test.ts holds the two
 * together.
 */
import type { Recorded } from '../runtime/history/recorded.ts';
import type { TroubleEvent } from '../runtime/history/trouble.ts';

/** Which lease an event is about. */
interface OfLease {
  /** EndpointID. For an address of Docker's own drivers, and for the host: the id of the lease. */
  readonly endpoint: string;
  /** NetworkID. For another driver's network: the id of its pool. */
  readonly network?: string | undefined;
  readonly segment: string;
  readonly mac: string;
}

/** 4: DHCPv4. 6: DHCPv6, or an address of a router's prefix. */
interface OfFamily {
  readonly family: 4 | 6;
}

/** A lease began, went on or ended. */
export interface LeaseEvent extends OfLease, OfFamily {
  readonly type:
    | 'lease.acquired'
    | 'lease.renewed'
    | 'lease.changed'
    | 'lease.lost'
    | 'lease.held'
    | 'lease.given-back';
  readonly address: string | undefined;
  readonly server?: string | undefined;
  /** The address that the container had before. */
  readonly before?: string | undefined;
  /** Why it was lost. */
  readonly cause?: string | undefined;
  /** From the first REQUEST to the ACK or REPLY. Undefined if no server was asked. */
  readonly answerMs?: number | undefined;
  /** From the first question until the address could be used. Only of `lease.acquired`. */
  readonly tookMs?: number | undefined;
}

export type PluginEvent =
  | LeaseEvent
  | (OfLease & { readonly type: 'address.conflict'; readonly address: string; readonly by: string })
  | (OfLease & {
      readonly type: 'server.ignored';
      readonly server: string;
      /** The type of its message: `OFFER`. */
      readonly message: string;
      readonly reason: string;
    })
  | (OfLease & {
      readonly type: 'server.refused';
      readonly server: string | undefined;
      readonly text: string | undefined;
    })
  | {
      readonly type: 'link.made' | 'link.removed' | 'link.gone' | 'link.back';
      readonly link: string;
      readonly network: string;
      readonly segment?: string | undefined;
    }
  | {
      readonly type: 'network.created' | 'network.removed';
      readonly network: string;
      readonly segment: string;
      readonly mode: string;
    }
  | {
      readonly type: 'call.finished';
      readonly call: string;
      readonly ms: number;
      /** NetworkID and EndpointID of the call, where it has them. */
      readonly network?: string | undefined;
      readonly endpoint?: string | undefined;
      /** What dockerd was told. Undefined if the call succeeded. */
      readonly error?: string | undefined;
    }
  | TroubleEvent
  | { readonly type: 'plugin.started' | 'plugin.stopped'; readonly version: string };

/**
 * What happens too often for a history: a silent server alone makes thousands in an hour. Metrics
 * count it, and nobody keeps it.
 */
export type CountedEvent =
  /** The type of the message: `DISCOVER`. */
  | (OfLease & OfFamily & { readonly type: 'request.repeated'; readonly message: string })
  | (OfLease & OfFamily & { readonly type: 'message.ignored'; readonly reason: string })
  | { readonly type: 'store.failed'; readonly what: 'save' | 'delete'; readonly kind: string };

export type EventType = PluginEvent['type'];

/** Told of what happens. Never throws. */
export type Emit = (event: PluginEvent | CountedEvent) => void;

export type RecordedEvent = Recorded<PluginEvent>;

/** Each type, and what it tells. */
export const EVENT_TYPES: Readonly<Record<EventType, string>> = {
  'lease.acquired': 'A container, or the host, got a lease.',
  'lease.renewed': 'A server extended a lease. The address stayed the same.',
  'lease.changed': 'A renewal brought another address, router, route, name server or MTU.',
  'lease.lost': 'A lease ended against the will of its user. `cause` says why.',
  'lease.held': 'A container is gone. Its lease is held for its return.',
  'lease.given-back': 'A lease went back to its server by a RELEASE.',
  'address.conflict': 'Another host uses the address. `by` is the MAC of that host.',
  'server.ignored':
    'The answer of a DHCP server was not used. `reason` says why. Told once for each server and reason of a lease.',
  'server.refused': 'A DHCP server refused a request (NAK).',
  'link.made': 'The links of a network were made, or found and used.',
  'link.removed':
    'The links of a network are not used any more. Those that the plugin made are removed.',
  'link.gone': 'A link that a network needs is missing, or is not what the network needs.',
  'link.back': 'A link of a network was repaired or made again.',
  'network.created': 'Docker created a network.',
  'network.removed': 'Docker removed a network.',
  'call.finished': 'A call of Docker was answered. `ms` is how long the answer took.',
  trouble: 'A line of the log of level warn, error or fatal.',
  'plugin.started': 'The plugin started. Leases of before go on.',
  'plugin.stopped': 'The plugin was stopped. Leases and links stay.',
};

/** Each type that is only counted, and what it tells. */
export const COUNTED_TYPES: Readonly<Record<CountedEvent['type'], string>> = {
  'request.repeated': 'A DHCP message was sent again, because nobody had answered.',
  'message.ignored': 'A DHCP message for a client of the plugin was heard and not used.',
  'store.failed': 'A record could not be written to disk, or not be removed from it.',
};

export function isCounted(event: PluginEvent | CountedEvent): event is CountedEvent {
  return Object.hasOwn(COUNTED_TYPES, event.type);
}
