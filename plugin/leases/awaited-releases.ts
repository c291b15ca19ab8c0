/**
 * Handles ReleaseAddress calls that come after their endpoint was removed. The lease was removed
 * with the endpoint. The call must not end the lease of another container, to which a server may
 * have given the same address meanwhile. The record of the lease remembers this, also over a
 * restart.
 */
import type { Clock } from '../clock.ts';
import type { AwaitedRelease, EndpointRecord, LeaseRecord } from '../state/lease-records.ts';
import type { Registry } from '../state/registry.ts';
import { elapsedSince, storeMoment } from '../state/stored-lease.ts';
import type { Ms } from '../vocabulary/time.ts';

/** The call comes right after DeleteEndpoint. An engine under load may take its time. */
const RELEASED_WITHIN: Ms = 30_000;

/** Docker releases the address of an endpoint after DeleteEndpoint, if our IPAM leased it. */
export function awaitedRelease(
  { addressGiven, terms }: EndpointRecord,
  clock: Clock,
): AwaitedRelease | undefined {
  if (addressGiven !== true || terms.answered === undefined) return undefined;
  return { address: terms.answered.address, since: storeMoment(clock) };
}

/**
 * @returns true if this release was awaited. It is no longer awaited then.
 * @throws PluginError STATE_UNWRITABLE. It is no longer awaited all the same.
 */
export async function releaseCame(
  registry: Registry,
  clock: Clock,
  scopeId: string,
  address: string,
): Promise<boolean> {
  const isIt = (awaited: AwaitedRelease) => awaited.address === address && !isOver(awaited, clock);
  const records = registry.leasesFound.awaitedByScope
    .find(scopeId)
    .filter(({ awaited }) => awaited?.some(isIt));
  for (const { id } of records) if (await registry.forgetAwaited(id, isIt)) return true;
  return false;
}

/**
 * Forgets releases that Docker will never send, because it was killed.
 * @throws PluginError STATE_UNWRITABLE.
 */
export function forgetOverdue(registry: Registry, clock: Clock): Promise<void> {
  return forgetAll(registry, registry.leases(), (awaited) => isOver(awaited, clock));
}

/** Docker releases no address of a removed network. @throws PluginError STATE_UNWRITABLE. */
export function forgetOfScope(registry: Registry, scopeId: string): Promise<void> {
  const ofScope = registry.leasesFound.awaitedByScope.find(scopeId);
  return forgetAll(registry, ofScope, () => true);
}

async function forgetAll(
  registry: Registry,
  leases: readonly LeaseRecord[],
  which: (awaited: AwaitedRelease) => boolean,
): Promise<void> {
  for (const { id, awaited } of leases) {
    if (awaited === undefined) continue;
    while (await registry.forgetAwaited(id, which));
  }
}

function isOver({ since }: AwaitedRelease, clock: Clock): boolean {
  return elapsedSince(since, clock) >= RELEASED_WITHIN;
}
