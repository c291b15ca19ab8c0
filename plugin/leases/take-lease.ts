/**
 * Gets the lease of a new endpoint. Uses the lease that is held for it, or leases an address. If a
 * later step fails, a held lease is held again, and a new one is given back.
 */
import type { LeaseService } from '../leasing/lease-service.ts';
import type { Clock } from '../clock.ts';
import { PluginError } from '../vocabulary/errors.ts';
import type { SocketPlace } from '../leasing/sockets/frame-socket.ts';
import type { Ipv6Terms } from '../leasing/ipv6/ipv6-subject.ts';
import type { LeaseSubject } from '../leasing/lease-subject.ts';
import type { NearbyVlans } from '../leasing/segment/nearby-vlans.ts';
import type { Lease } from '../vocabulary/lease.ts';
import { isSameLease6, type Lease6 } from '../vocabulary/ipv6/lease6.ts';
import { NOT_ON_THIS_LINK } from '../vocabulary/ipv6/addressing.ts';
import type { Instant, Ms } from '../vocabulary/time.ts';
import type { Ipv4, Mac } from '../wire/address.ts';
import type { Ipv6 } from '../wire/address6.ts';
import type { HeldLease } from './held-leases.ts';
import type { Host } from '../host.ts';
import type { LeaseReturns } from './lease-returns.ts';
import { subjectOf, type LeaseScope } from '../state/lease-scope.ts';
import { restoreIpv6, type Ipv6Identity } from '../state/stored-ipv6.ts';
import type { UndoList } from '../undo.ts';
import { reasonOfSilence, refuseIfSilent } from '../networks/uplink-silence.ts';
import { chainTroubles } from '../state/link-chain.ts';

export interface TakeLeaseDeps {
  readonly clock: Clock;
  readonly leases: {
    acquire(
      subject: LeaseSubject,
      place: SocketPlace,
      limits: {
        by: Instant;
        signal: AbortSignal;
        late: boolean;
        previous: Lease | undefined;
        previousIpv6?: Lease6 | undefined;
        patience: Ms;
      },
    ): Promise<Lease | undefined>;
    acquireIpv6(
      subject: LeaseSubject,
      place: SocketPlace,
      limits: Parameters<LeaseService['acquireIpv6']>[2],
    ): Promise<void>;
    ipv6(key: string): { readonly terms: Ipv6Terms } | undefined;
    readonly release: LeaseService['release'];
    forget(key: string): void;
  };
  readonly held: {
    claim(scope: LeaseScope, identity: { clientId: string }): HeldLease | undefined;
    putBack(id: string): void;
    drop(id: string): Promise<void>;
    yieldTo(scope: LeaseScope, address: Ipv4, identity: { clientId: string }): Promise<void>;
    yieldTo6(scope: LeaseScope, address: Ipv6, identity: { clientId: string }): Promise<void>;
  };
  readonly returns: Pick<LeaseReturns, 'settled' | 'unlessWorn' | 'ownerHere'>;
  readonly host: Pick<Host, 'readLinks' | 'hasIpv6' | 'silentUplink'>;
  readonly silence: {
    note(segment: string, mac: Mac): void;
    end(segment: string): void;
    limits(segment: string, by: Instant, late: boolean): { by: Instant; patience: Ms };
  };
  /** Asks other VLANs while the one of the lease is silent. */
  readonly nearby: Pick<NearbyVlans, 'watch'>;
}

/** Adds to an error what is broken on this host. Else the error would blame the switch. */
async function withReasonOnHost(
  error: unknown,
  { options, segment, isForeign }: LeaseScope,
  host: TakeLeaseDeps['host'],
): Promise<unknown> {
  const code = error instanceof PluginError ? error.code : undefined;
  if (code !== 'NO_OFFER' && code !== 'NO_ACK') return error;
  const { parent, vlan, bridge } = options;
  // An uplink without a carrier has no cable to look at.
  const silence = await reasonOfSilence(host, parent);
  if (silence !== undefined) {
    return new PluginError(code, `no lease on ${segment}: ${silence}`, { cause: error });
  }
  const chain = isForeign ? { parent, vlan } : { parent, vlan, bridge };
  const troubles = chainTroubles(await host.readLinks().catch(() => []), chain);
  if (troubles.length === 0) return error;
  const message = `no lease on ${segment}: ${troubles.join('; ')}`;
  return new PluginError(code, message, { cause: error });
}

/**
 * The time from the beginning of a call. It ends a second before the API gives up, so that the
 * answer has a sentence.
 */
export const LEASED_WITHIN: Ms = 27_000;

/** The lease, and its id. A held lease keeps its id. */
export interface LeaseTaken {
  readonly id: string;
  /** Undefined if the lease comes late. */
  readonly lease: Lease | undefined;
  /** Who a DHCPv6 server knows the holder of a held lease as. Undefined without one. */
  readonly identity6?: Ipv6Identity | undefined;
  /** Must be called when the endpoint is complete. */
  readonly settle: () => void;
}

/**
 * @param who has the id for a new lease.
 * @param place the place of the client.
 * @param limits.asking called with the id of the lease before it is requested.
 * @param limits.by the end of the whole call. `lease_timeout` counts from the first DISCOVER here.
 * @throws PluginError as `leases.acquire`.
 */
export async function takeLease(
  { leases, held, returns, silence, nearby, host, clock }: TakeLeaseDeps,
  scope: LeaseScope,
  who: Parameters<typeof subjectOf>[0],
  place: SocketPlace,
  limits: { by: Instant; signal: AbortSignal; asking?: (leaseId: string) => void },
  undo: UndoList,
): Promise<LeaseTaken> {
  const { segment } = scope;
  const { leaseTimeoutMs, onNoServer } = scope.options;
  const late = onNoServer !== 'fail';
  const claimed = await claimHeld({ held, returns, clock }, scope, who, undo);
  const { kept, id, identity6, subject, previousIpv6 } = claimed;
  const previous = kept?.lease;
  await refuseIfSilent(host, scope, previous !== undefined);
  const { requestedAddress } = who;
  if (requestedAddress !== undefined) await held.yieldTo(scope, requestedAddress, who);
  limits.asking?.(id);
  let lease: Lease | undefined;
  const wait = silence.limits(segment, Math.min(limits.by, clock.now() + leaseTimeoutMs), late);
  const watch = nearby.watch(scope.options, wait.by);
  try {
    const { signal } = limits;
    lease = await leases.acquire(subject, place, {
      ...{ signal, late, previous, previousIpv6, ...wait },
    });
    if (lease === undefined) watch.warn(segment);
  } catch (error) {
    const code = error instanceof PluginError ? error.code : undefined;
    if (code === 'NO_OFFER') silence.note(segment, subject.identity.mac);
    // The address was declined. Nobody may ask for it again, and we must not give it back.
    if (code === 'ADDRESS_IN_USE' && kept !== undefined) await held.drop(kept.record.id);
    throw await withReasonOnHost(watch.explain(error), scope, host);
  } finally {
    watch.end();
  }
  if (lease !== undefined && who.isMacShared === true) {
    refuseTwin(lease, { ...who, id }, segment, { leases, returns });
  }
  // If this is the held lease itself, with its times, nobody has answered. It is used because it is
  // still valid.
  if (lease === undefined || lease.requestedAt === previous?.requestedAt)
    silence.note(segment, subject.identity.mac);
  else silence.end(segment);
  undo.add(() => {
    if (lease !== undefined && lease.address === previous?.address) leases.forget(id);
    else leases.release(subject, lease, scope.link);
  });
  const settle = (): void => {
    // If the server has refused the held lease, it is no longer ours. If another address was
    // preferred to it, nobody needs it.
    if (kept === undefined || requestedAddress === undefined) return;
    if (requestedAddress === previous?.address) return;
    // A DHCPv6 server knows both by the MAC: that lease is the one in use now.
    const before = { ...kept.record, id: `${id} before`, isStable: true, ipv6: undefined };
    returns.unlessWorn(before, scope);
  };
  return { id, lease, identity6, settle };
}

/**
 * The same on a network without IPv4: a lease of a DHCPv6 server from before is asked about, and a
 * failed start gives back what it has got.
 * @throws PluginError as `leases.acquireIpv6`; UNSUPPORTED if the link can have no IPv6.
 */
export async function takeIpv6(
  { leases, held, returns, silence, host, clock }: TakeLeaseDeps,
  scope: LeaseScope,
  who: Parameters<typeof subjectOf>[0],
  place: SocketPlace,
  limits: { by: Instant; signal: AbortSignal; asking?: (leaseId: string) => void },
  undo: UndoList,
): Promise<LeaseTaken> {
  const { segment, options } = scope;
  if (!host.hasIpv6(who.mtu)) {
    throw new PluginError(
      'UNSUPPORTED',
      `a container on ${segment} cannot have IPv6, and its network has ipv4=off: ${NOT_ON_THIS_LINK}`,
    );
  }
  const claimed = await claimHeld({ held, returns, clock }, scope, who, undo);
  const { id, identity6, subject, previousIpv6 } = claimed;
  await refuseIfSilent(host, scope, previousIpv6 !== undefined);
  limits.asking?.(id);
  const late = options.onNoServer === 'late';
  // Servers of IPv4 say nothing about those of IPv6.
  const silent = `${segment}, IPv6`;
  try {
    await leases.acquireIpv6(subject, place, {
      ...{ signal: limits.signal, late, previousIpv6, rest: options.ipv6PatienceMs },
      ...silence.limits(silent, Math.min(limits.by, clock.now() + options.leaseTimeoutMs), late),
    });
  } catch (error) {
    if (error instanceof PluginError && error.code === 'NO_OFFER')
      silence.note(silent, subject.identity.mac);
    throw await withReasonOnHost(error, scope, host);
  }
  const { address, lease } = leases.ipv6(id)?.terms ?? {};
  if (address === undefined) silence.note(silent, subject.identity.mac);
  else silence.end(silent);
  undo.add(() => {
    if (isSameLease6(lease, previousIpv6)) leases.forget(id);
    else leases.release(subject, undefined, scope.link);
  });
  return { id, lease: undefined, identity6, settle: () => undefined };
}

/** Takes over the lease that is held for the container, if there is one. */
async function claimHeld(
  { held, returns, clock }: Pick<TakeLeaseDeps, 'held' | 'returns' | 'clock'>,
  scope: LeaseScope,
  who: Parameters<typeof subjectOf>[0],
  undo: UndoList,
) {
  // The server knows only the identity. So the RELEASE of the earlier container must not come later
  // than this lease.
  await returns.settled(scope.segment);
  const wished6 = who.ipv6?.wish?.address;
  if (wished6 !== undefined) await held.yieldTo6(scope, wished6, who);
  const kept = held.claim(scope, who);
  if (kept !== undefined) undo.add(() => held.putBack(kept.record.id));
  const { lease: previousIpv6 } = restoreIpv6(kept?.record.ipv6, clock);
  // One identity has one record, even if its address changes.
  const id = kept?.record.id ?? who.id;
  const identity6 = kept?.record.ipv6?.identity;
  const subject = subjectOf(knownAs({ ...who, id }, identity6), scope);
  return { kept, id, identity6, subject, previousIpv6 };
}

/** The server gives the lease of before only to the DUID and IAID of before. */
function knownAs(
  who: Parameters<typeof subjectOf>[0],
  identity6: Ipv6Identity | undefined,
): Parameters<typeof subjectOf>[0] {
  const isNew = who.ipv6 === undefined || identity6 === undefined;
  return isNew ? who : { ...who, ipv6: { ...who.ipv6, identity: identity6 } };
}

/**
 * Where containers share a MAC, a server that goes by it has one lease for all of them. That lease
 * must not be given back: another container has it.
 * @throws PluginError ADDRESS_IN_USE.
 */
function refuseTwin(
  lease: Lease,
  { id, clientId }: { readonly id: string; readonly clientId: string },
  segment: string,
  { leases, returns }: Pick<TakeLeaseDeps, 'leases' | 'returns'>,
): void {
  if (returns.ownerHere(segment, lease.address, clientId) === undefined) return;
  leases.forget(id);
  throw new PluginError(
    'ADDRESS_IN_USE',
    `DHCP server ${lease.serverId} on ${segment} leases ${lease.address} to a second container: it goes by the MAC alone (as udhcpd and many home routers do), and ipvlan containers share one; use a server that goes by client identifier, or mode=macvlan`,
  );
}
