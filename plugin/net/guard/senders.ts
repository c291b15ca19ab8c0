/**
 * Which MACs may send by a link below macvlan links: those of our containers, and of the host's own
 * macvlan link. The list is kept here, because the containers' links are in other namespaces.
 *
 * Until the list is complete, every MAC may send. After a start of the plugin it is complete when
 * the endpoints of the stored networks were noted.
 */
import type { GuardMode } from '../../vocabulary/port-rules.ts';
import type { Mac } from '../../wire/address.ts';

/** A link above: its name while it is in the host, and its MAC. */
export interface Sender {
  readonly end: string;
  readonly mac: Mac;
}

interface Lower {
  /** Undefined until the list is complete. */
  guard: GuardMode | undefined;
  readonly macs: Map<string, Mac>;
}

/** By the name of the link below. Bounded by the links below and above since the start. */
const lowers = new Map<string, Lower>();

export function noteSender(lower: string, { end, mac }: Sender): void {
  entryOf(lower).macs.set(end, mac);
}

/** @returns the link below on which it was noted, if there is one. */
export function dropSender(end: string): string | undefined {
  for (const [lower, { macs }] of lowers) if (macs.delete(end)) return lower;
  return undefined;
}

/** Notes that the list is complete with these. */
export function completeSenders(lower: string, guard: GuardMode, senders: readonly Sender[]): void {
  const entry = entryOf(lower);
  entry.guard = guard;
  for (const { end, mac } of senders) if (!entry.macs.has(end)) entry.macs.set(end, mac);
}

/** Forgets the list of an earlier link of that name. */
export function forgetSenders(lower: string): void {
  lowers.delete(lower);
}

/** Returns undefined if the list is not complete. */
export function guardOfSenders(lower: string): GuardMode | undefined {
  return lowers.get(lower)?.guard;
}

/** Returns undefined if every MAC may send. */
export function sendersOn(lower: string): readonly Mac[] | undefined {
  const entry = lowers.get(lower);
  return entry?.guard === undefined ? undefined : [...new Set(entry.macs.values())];
}

function entryOf(lower: string): Lower {
  const present = lowers.get(lower);
  if (present !== undefined) return present;
  const made: Lower = { guard: undefined, macs: new Map() };
  lowers.set(lower, made);
  return made;
}
