/**
 * A member can cause events as often as it likes: a new key, another size of packets, a silence. So
 * that it cannot push out the history of all others, each member has a number of them in an hour.
 * What an operator does is always told.
 */
import type { Clock } from '../../clock.ts';
import type { Instant, Ms } from '../../vocabulary/time.ts';
import type { HubCounted, HubEvent } from './hub-events.ts';

const MOST = 60;
const WITHIN: Ms = 3_600_000;

/** What a member causes by itself. A token that comes again has a limit of its own. */
const BY_MEMBER: readonly HubEvent['type'][] = [
  'call.refused',
  ...(['member.silent', 'member.back', 'key.changed', 'path.changed'] as const),
  ...(['management.on', 'management.off'] as const),
];

type Emit = (event: HubEvent | HubCounted) => void;

export function withEventLimit(emit: Emit, clock: Pick<Clock, 'now'>): Emit {
  /** By name. Bounded by the names of members, and those whose hour is over go. */
  const hours = new Map<string, { readonly from: Instant; count: number }>();
  return (event) => {
    if (event.type === 'refusal' || !BY_MEMBER.includes(event.type)) return emit(event);
    const { member = '' } = event as { member?: string };
    const now = clock.now();
    for (const [name, { from }] of hours) if (now - from >= WITHIN) hours.delete(name);
    const hour = hours.get(member) ?? { from: now, count: 0 };
    hours.set(member, hour);
    hour.count += 1;
    if (hour.count < MOST) return emit(event);
    if (hour.count === MOST) emit({ type: 'member.busy', member });
  };
}
