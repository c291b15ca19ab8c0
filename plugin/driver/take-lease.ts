/**
 * Getting the lease of a new endpoint: the one that is held for it if there is one, else any. What fails later
 * puts a held lease back and gives a new one back.
 */
import { PluginError } from '../errors.ts';
import type { LeaseSubject } from '../leasing/lease-subject.ts';
import type { Lease } from '../lease.ts';
import type { Instant, Ms } from '../time.ts';
import type { HeldLease } from './held-leases.ts';
import { subjectOf } from './lease-subject.ts';
import type { EndpointRecord, NetworkRecord } from './records.ts';
import type { UndoList } from '../undo.ts';

export interface TakeLeaseDeps {
  readonly leases: {
    acquire(
      subject: LeaseSubject,
      link: string,
      limits: {
        by: Instant;
        signal: AbortSignal;
        late: boolean;
        previous: Lease | undefined;
        patience: Ms;
      },
    ): Promise<Lease | undefined>;
    release(key: string, link: string): void;
    forget(key: string): void;
  };
  readonly held: {
    claim(
      network: NetworkRecord,
      identity: Pick<EndpointRecord, 'mac' | 'clientId'>,
    ): HeldLease | undefined;
    putBack(id: string): void;
    drop(id: string): Promise<void>;
  };
  readonly silence: {
    note(bridge: string): void;
    end(bridge: string): void;
    limits(bridge: string, by: Instant, late: boolean): { by: Instant; patience: Ms };
  };
}

type Draft = Parameters<typeof subjectOf>[0] & Pick<EndpointRecord, 'containerEnd'>;

/**
 * @returns the lease, undefined if it comes late; call `settle` when the endpoint is there to stay.
 * @throws PluginError as `leases.acquire`.
 */
export async function takeLease(
  { leases, held, silence }: TakeLeaseDeps,
  network: NetworkRecord,
  draft: Draft,
  limits: { by: Instant; signal: AbortSignal },
  undo: UndoList,
): Promise<{ lease: Lease | undefined; settle: () => Promise<void> }> {
  const { bridge } = network.options;
  const late = network.options.onNoServer === 'late';
  const kept = held.claim(network, draft);
  if (kept !== undefined) undo.add(() => held.putBack(kept.id));
  const previous = kept?.lease;
  let lease: Lease | undefined;
  try {
    lease = await leases.acquire(subjectOf(draft, network), draft.containerEnd, {
      signal: limits.signal,
      late,
      previous,
      ...silence.limits(bridge, limits.by, late),
    });
  } catch (error) {
    const code = error instanceof PluginError ? error.code : undefined;
    if (code === 'NO_OFFER') silence.note(bridge);
    // Declined: nobody may ask for it again, and it is not ours to give back.
    if (code === 'ADDRESS_IN_USE' && kept !== undefined) await held.drop(kept.id);
    throw error;
  }
  // The held lease itself, times and all: nobody answered, it is used because it is not over.
  if (lease === undefined || lease.requestedAt === previous?.requestedAt) silence.note(bridge);
  else silence.end(bridge);
  undo.add(() => {
    if (lease !== undefined && lease.address === previous?.address) leases.forget(draft.id);
    else leases.release(draft.id, bridge);
  });
  return { lease, settle: async () => (kept === undefined ? undefined : held.drop(kept.id)) };
}
