/**
 * ReleaseAddress still to come for endpoints of ours that are gone. Their leases went with them, so it must not end
 * another container's, which a server may have given the same address meanwhile. The lease's record says so, and
 * therefore a restart does not forget it.
 */
import type { Clock } from '../clock.ts';
import type { LeaseRecord } from '../state/lease-records.ts';
import type { Registry } from '../state/registry.ts';
import { elapsedSince } from '../state/stored-lease.ts';
import type { Ms } from '../vocabulary/time.ts';

/** It comes right after DeleteEndpoint; an engine under load may take its time. */
const RELEASED_WITHIN: Ms = 30_000;

/** @returns true if that is the one: it is awaited no longer. @throws PluginError STATE_UNWRITABLE. */
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

/** Forgets those that Docker will not send any more: it was killed. @throws PluginError STATE_UNWRITABLE. */
export async function forgetOverdue(registry: Registry, clock: Clock): Promise<void> {
  for (const record of registry.leases()) {
    if (isOver(record, clock)) await registry.releaseCame(record.id);
  }
}

function isOver({ awaited }: LeaseRecord, clock: Clock): boolean {
  return awaited !== undefined && elapsedSince(awaited.since, clock) >= RELEASED_WITHIN;
}
