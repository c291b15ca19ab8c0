/** Turns what a DHCP client tells of its lease into events. */
import type { Ms } from '../vocabulary/time.ts';
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

/** How long the server and the whole start took. */
type Times = Pick<LeaseEvent, 'answerMs' | 'tookMs'>;

/** The fields by which an event tells whose lease it is about. */
export function ofLease({ key, network, segment, identity }: Subject) {
  return { endpoint: key, network, segment, mac: identity.mac };
}

/**
 * @param before the address until now.
 */
export function leaseEvent4(
  subject: Subject,
  change: Change & { readonly lease: { readonly address: string; readonly serverId: string } },
  before: string | undefined,
  times: Times = {},
): LeaseEvent {
  const { address, serverId: server } = change.lease;
  const former = before === address ? {} : { before };
  const facts = { family: 4, address, server, ...former } as const;
  return { ...typed(change), ...ofLease(subject), ...facts, ...rounded(times) };
}

export function leaseEvent6(
  subject: Subject,
  change: Change & {
    readonly address: { readonly address: string } | undefined;
    readonly lease: { readonly serverId: string } | undefined;
  } & Times,
): LeaseEvent {
  const { address, lease } = change;
  const facts = { family: 6, address: address?.address, server: lease?.serverId } as const;
  return { ...typed(change), ...ofLease(subject), ...facts, ...rounded(change) };
}

/** As exact as a person reads it. Never negative. */
function rounded({ answerMs, tookMs }: Times): Times {
  return {
    ...(answerMs !== undefined && { answerMs: tenths(answerMs) }),
    ...(tookMs !== undefined && { tookMs: tenths(tookMs) }),
  };
}

function tenths(ms: Ms): Ms {
  return Math.max(0, Math.round(ms * 10) / 10);
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
