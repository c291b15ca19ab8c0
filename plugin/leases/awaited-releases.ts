/**
 * Handles ReleaseAddress calls that come after their endpoint was removed. The lease was removed
 * with the endpoint. The call must not end the lease of another container, to which a server may
 * have given the same address meanwhile. The record of the lease remembers this, also over a
 * restart.
 */
import type { Clock } from '../clock.ts';
import type { Logger } from '../logger.ts';
import type { AwaitedRelease, EndpointRecord, LeaseRecord } from '../state/lease-records.ts';
import type { Registry } from '../state/registry.ts';
import { elapsedSince, storeMoment } from '../state/stored-lease.ts';
import { runEach } from '../undo.ts';
import type { Ms } from '../vocabulary/time.ts';

/** The call comes right after DeleteEndpoint. An engine under load may take its time. */
const RELEASED_WITHIN: Ms = 30_000;

const NOT_SAVED = 'the state does not say yet that Docker has released an address';

interface Deps {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Docker releases the address of an endpoint after DeleteEndpoint, if our IPAM leased it. */
export function awaitedRelease(
  { addressGiven, terms }: EndpointRecord,
  clock: Clock,
): AwaitedRelease | undefined {
  if (addressGiven !== true || terms.answered === undefined) return undefined;
  return { address: terms.answered.address, since: storeMoment(clock) };
}

/** @returns true if this release was awaited. It is no longer awaited then. */
export async function releaseCame(
  { registry, clock, log }: Deps,
  scopeId: string,
  address: string,
): Promise<boolean> {
  const record = registry
    .leases()
    .filter((lease) => lease.scopeId === scopeId && lease.awaited?.address === address)
    .find((lease) => !isOver(lease, clock));
  if (record === undefined) return false;
  const err = await registry.releaseCame(record.id);
  if (err !== undefined) log.error({ address, err }, NOT_SAVED);
  return true;
}

/** Forgets releases that Docker will never send, because it was killed. @throws what failed. */
export async function forgetOverdue({ registry, clock, log }: Deps): Promise<void> {
  const overdue = registry.leases().filter((record) => isOver(record, clock));
  await runEach(
    ...overdue.map(({ id }) => async () => {
      const err = await registry.releaseCame(id);
      if (err !== undefined) log.error({ err }, NOT_SAVED);
    }),
  );
}

function isOver({ awaited }: LeaseRecord, clock: Clock): boolean {
  return awaited !== undefined && elapsedSince(awaited.since, clock) >= RELEASED_WITHIN;
}
