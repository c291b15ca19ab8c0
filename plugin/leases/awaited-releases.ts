/**
 * Handles ReleaseAddress calls that come after their endpoint was removed. The lease was removed
 * with the endpoint. The call must not end the lease of another container, to which a server may
 * have given the same address meanwhile. The record of the lease remembers this, also over a
 * restart.
 */
import type { Clock } from '../clock.ts';
import type { LeaseRecord } from '../state/lease-records.ts';
import type { Registry } from '../state/registry.ts';
import { elapsedSince } from '../state/stored-lease.ts';
import type { Ms } from '../vocabulary/time.ts';

/** The call comes right after DeleteEndpoint. An engine under load may take its time. */
const RELEASED_WITHIN: Ms = 30_000;

/**
 * @returns true if this release was awaited. It is no longer awaited then.
 * @throws PluginError STATE_UNWRITABLE.
 */
export async function releaseCame(
  registry: Registry,
  clock: Clock,
  scopeId: string,
  address: string,
): Promise<boolean> {
  const record = registry
    .leases()
    .filter((lease) => lease.scopeId === scopeId && lease.awaited?.address === address)
    .find((lease) => !isOver(lease, clock));
  if (record === undefined) return false;
  await registry.releaseCame(record.id);
  return true;
}

/**
 * Forgets releases that Docker will never send, because it was killed.
 * @throws PluginError STATE_UNWRITABLE.
 */
export async function forgetOverdue(registry: Registry, clock: Clock): Promise<void> {
  for (const record of registry.leases()) {
    if (isOver(record, clock)) await registry.releaseCame(record.id);
  }
}

function isOver({ awaited }: LeaseRecord, clock: Clock): boolean {
  return awaited !== undefined && elapsedSince(awaited.since, clock) >= RELEASED_WITHIN;
}
