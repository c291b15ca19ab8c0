/**
 * Getting the lease of a new endpoint: the one that is held for it if there is one, else any. What fails later
 * puts a held lease back and gives a new one back.
 */
import type { Clock } from '../clock.ts';
import { PluginError } from '../vocabulary/errors.ts';
import type { SocketPlace } from '../leasing/sockets/frame-socket.ts';
import type { LeaseSubject } from '../leasing/lease-subject.ts';
import type { Lease } from '../vocabulary/lease.ts';
import type { Instant, Ms } from '../vocabulary/time.ts';
import type { Ipv4 } from '../wire/address.ts';
import type { HeldLease } from './held-leases.ts';
import type { Host } from '../host.ts';
import type { LeaseReturns } from './lease-returns.ts';
import { subjectOf, type LeaseScope } from '../state/lease-scope.ts';
import type { UndoList } from '../undo.ts';
import { chainTroubles } from '../state/link-chain.ts';

export interface TakeLeaseDeps {
  readonly clock: Pick<Clock, 'now'>;
  readonly leases: {
    acquire(
      subject: LeaseSubject,
      place: SocketPlace,
      limits: {
        by: Instant;
        signal: AbortSignal;
        late: boolean;
        previous: Lease | undefined;
        patience: Ms;
      },
    ): Promise<Lease | undefined>;
    release(subject: LeaseSubject, lease: Lease | undefined, link: string): void;
    forget(key: string): void;
  };
  readonly held: {
    claim(scope: LeaseScope, identity: { clientId: string }): HeldLease | undefined;
    putBack(id: string): void;
    drop(id: string): Promise<void>;
    yieldTo(scope: LeaseScope, address: Ipv4, identity: { clientId: string }): Promise<void>;
  };
  readonly returns: Pick<LeaseReturns, 'settled' | 'unlessWorn'>;
  readonly host: Pick<Host, 'readLinks'>;
  readonly silence: {
    note(segment: string): void;
    end(segment: string): void;
    limits(segment: string, by: Instant, late: boolean): { by: Instant; patience: Ms };
  };
}

/** Before the switch is blamed: what of the way to it is broken on this host. */
async function withReasonOnHost(
  error: unknown,
  { options, segment, isForeign }: LeaseScope,
  host: TakeLeaseDeps['host'],
): Promise<unknown> {
  const code = error instanceof PluginError ? error.code : undefined;
  if (code !== 'NO_OFFER' && code !== 'NO_ACK') return error;
  const { parent, vlan, bridge } = options;
  const chain = isForeign ? { parent, vlan } : { parent, vlan, bridge };
  const troubles = chainTroubles(await host.readLinks().catch(() => []), chain);
  if (troubles.length === 0) return error;
  const message = `no lease on ${segment}: ${troubles.join('; ')}`;
  return new PluginError(code, message, { cause: error });
}

/** From the beginning of a call: a second before the API gives up on it, so that there is a sentence to answer with. */
export const LEASED_WITHIN: Ms = 27_000;

/** What was leased, and under which id: a held lease keeps its own. */
export interface LeaseTaken {
  readonly id: string;
  /** Undefined: it comes late. */
  readonly lease: Lease | undefined;
  /** To be called when it is there to stay. */
  readonly settle: () => void;
}

/**
 * @param who with the id that a new lease is to have. @param place what to ask on.
 * @param limits.asking told under which id is asked.
 * @param limits.by the end of the whole call. `lease_timeout` counts from here, where the first DISCOVER goes out.
 * @throws PluginError as `leases.acquire`.
 */
export async function takeLease(
  { leases, held, returns, silence, host, clock }: TakeLeaseDeps,
  scope: LeaseScope,
  who: Parameters<typeof subjectOf>[0],
  place: SocketPlace,
  limits: { by: Instant; signal: AbortSignal; asking?: (leaseId: string) => void },
  undo: UndoList,
): Promise<LeaseTaken> {
  const { segment } = scope;
  const { leaseTimeoutMs, onNoServer } = scope.options;
  const late = onNoServer === 'late';
  // A server goes by the identity: the RELEASE of the container before would end the lease of this one.
  await returns.settled(segment);
  const kept = held.claim(scope, who);
  if (kept !== undefined) undo.add(() => held.putBack(kept.record.id));
  const previous = kept?.lease;
  const { requestedAddress } = who;
  if (requestedAddress !== undefined) await held.yieldTo(scope, requestedAddress, who);
  // One identity has one record, whatever its address becomes.
  const id = kept?.record.id ?? who.id;
  const subject = subjectOf({ ...who, id }, scope);
  limits.asking?.(id);
  let lease: Lease | undefined;
  try {
    lease = await leases.acquire(subject, place, {
      signal: limits.signal,
      late,
      previous,
      ...silence.limits(segment, Math.min(limits.by, clock.now() + leaseTimeoutMs), late),
    });
  } catch (error) {
    const code = error instanceof PluginError ? error.code : undefined;
    if (code === 'NO_OFFER') silence.note(segment);
    // Declined: nobody may ask for it again, and it is not ours to give back.
    if (code === 'ADDRESS_IN_USE' && kept !== undefined) await held.drop(kept.record.id);
    throw await withReasonOnHost(error, scope, host);
  }
  // The held lease itself, times and all: nobody answered, it is used because it is not over.
  if (lease === undefined || lease.requestedAt === previous?.requestedAt) silence.note(segment);
  else silence.end(segment);
  undo.add(() => {
    if (lease !== undefined && lease.address === previous?.address) leases.forget(id);
    else leases.release(subject, lease, scope.link);
  });
  const settle = (): void => {
    // One that the server refused was not ours any more. One that another was preferred to is kept for nobody.
    if (kept === undefined || requestedAddress === undefined) return;
    if (requestedAddress === kept.lease.address) return;
    returns.unlessWorn({ ...kept.record, id: `${id} before`, isStable: true }, scope);
  };
  return { id, lease, settle };
}
