/** Events as the page keeps and shows them. */
import type { EventType, RecordedEvent } from '../../plugin/events/events.ts';

/** All but `call.finished`: a start of a container alone makes five of those. */
export const SHOWN_TYPES = [
  ...(['lease.acquired', 'lease.renewed', 'lease.changed', 'lease.lost', 'lease.held'] as const),
  ...(['lease.given-back', 'address.conflict', 'server.ignored', 'server.refused'] as const),
  ...(['link.made', 'link.removed', 'link.gone', 'link.back', 'network.created'] as const),
  ...(['network.removed', 'trouble', 'plugin.started', 'plugin.stopped'] as const),
] as const satisfies readonly EventType[];

/** A page may be open for weeks. */
const MOST_KEPT = 10_000;

export function withNew(
  events: readonly RecordedEvent[],
  more: readonly RecordedEvent[],
): readonly RecordedEvent[] {
  const all = [...events, ...more];
  return all.length > MOST_KEPT ? all.slice(-MOST_KEPT) : all;
}

/** True if leases or networks may be others after it. */
export function isChange({ type }: RecordedEvent): boolean {
  return /^(lease|address|link|network|plugin)\./.test(type);
}

export type Tone = 'bad' | 'warn' | 'good' | 'plain';

export function toneOf(event: RecordedEvent): Tone {
  switch (event.type) {
    case 'lease.lost':
    case 'address.conflict':
    case 'link.gone':
      return 'bad';
    case 'trouble':
      return event.level === 'warn' ? 'warn' : 'bad';
    case 'lease.changed':
    case 'server.ignored':
    case 'server.refused':
      return 'warn';
    case 'lease.acquired':
    case 'link.back':
      return 'good';
    case 'lease.renewed':
    case 'lease.held':
    case 'lease.given-back':
    case 'link.made':
    case 'link.removed':
    case 'network.created':
    case 'network.removed':
    case 'call.finished':
    case 'plugin.started':
    case 'plugin.stopped':
      return 'plain';
  }
}

/** Some events have the first 12 characters of an ID only. */
export function isOfNetwork(event: RecordedEvent, network: string): boolean {
  if (!('network' in event) || event.network === undefined) return false;
  return event.network.slice(0, 12) === network.slice(0, 12);
}

export function macOf(event: RecordedEvent): string | undefined {
  return 'mac' in event ? event.mac : undefined;
}

/** Whose event it is, as `subjectOf` tells it of a lease. */
export function subjectOfEvent(event: RecordedEvent): string | undefined {
  const mac = macOf(event);
  if (mac === undefined) return undefined;
  return subjectOf({ mac, network: 'network' in event ? event.network : undefined });
}

/**
 * Whose an event is. A container on another network may have the same MAC. Some events have the
 * first 12 characters of an id, and none has the word `pool` before it.
 */
export function subjectOf({
  mac,
  network = '',
}: {
  readonly mac: string;
  readonly network?: string | undefined;
}): string {
  return `${network.replace(/^pool /, '').slice(0, 12)} ${mac}`;
}
