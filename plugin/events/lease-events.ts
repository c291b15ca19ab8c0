/** Turns what a DHCP client tells of its lease into events. */
import type { LeaseEvent } from './events.ts';

interface Subject {
  readonly key: string;
  readonly network?: string | undefined;
  readonly segment: string;
  readonly identity: { readonly mac: string };
}

interface Change {
  readonly change: 'acquired' | 'renewed' | 'changed' | 'lost';
  readonly cause?: string | undefined;
}

/** The fields by which an event tells whose lease it is about. */
export function ofLease({ key, network, segment, identity }: Subject) {
  return { endpoint: key, network, segment, mac: identity.mac };
}

/**
 * @param before the address until now.
 * @param times how long the server and the whole start took.
 */
export function leaseEvent4(
  subject: Subject,
  change: Change & { readonly lease: { readonly address: string; readonly serverId: string } },
  before: string | undefined,
  times: Pick<LeaseEvent, 'answerMs' | 'tookMs'> = {},
): LeaseEvent {
  const { address, serverId: server } = change.lease;
  const former = before === address ? {} : { before };
  return { ...typed(change), ...ofLease(subject), family: 4, address, server, ...former, ...times };
}

export function leaseEvent6(
  subject: Subject,
  change: Change & {
    readonly address: { readonly address: string } | undefined;
    readonly lease: { readonly serverId: string } | undefined;
  },
): LeaseEvent {
  const { address, lease } = change;
  const facts = { family: 6, address: address?.address, server: lease?.serverId } as const;
  return { ...typed(change), ...ofLease(subject), ...facts };
}

function typed({ change, cause }: Change): Pick<LeaseEvent, 'type' | 'cause'> {
  if (change !== 'lost') return { type: `lease.${change}` };
  return cause === 'released' ? { type: 'lease.given-back' } : { type: 'lease.lost', cause };
}

/** @param server of IPv4. Undefined: the lease is of IPv6 alone. */
export function heldEvent(
  subject: Subject,
  address: string | undefined,
  server: string | undefined,
): LeaseEvent {
  const family = server === undefined ? 6 : 4;
  return { type: 'lease.held', ...ofLease(subject), family, address, server };
}
