/**
 * Stores moments and leases. The wall clock is the only clock that two boots of a host share, but
 * it may be stepped. Within one boot the kernel's own clock is more reliable. So both times are
 * stored. In the same boot the kernel's clock counts, in another boot the wall clock.
 */
import type { Times } from '../clock.ts';
import type { Lease, LeaseTerms } from '../vocabulary/lease.ts';
import type { Instant, Ms, WallTime } from '../vocabulary/time.ts';

/** An instant of one boot. Files of earlier versions lack it. */
interface BootInstant {
  readonly id: string;
  readonly at: Instant;
}

export interface StoredMoment {
  readonly wall: WallTime;
  readonly boot?: BootInstant | undefined;
}

/** A lease with the same terms and wall times. */
export interface StoredLease extends LeaseTerms {
  readonly requestedAt: WallTime;
  readonly t1At: WallTime;
  readonly t2At: WallTime;
  readonly expiresAt: WallTime;
  /** `requestedAt` on the kernel's clock of that boot. */
  readonly boot?: BootInstant | undefined;
}

export function storeMoment(clock: Times): StoredMoment {
  return { wall: clock.wall(), boot: { id: clock.bootId, at: clock.now() } };
}

/**
 * Returns how long ago the moment was. A moment in the future counts as now. This happens if the
 * wall clock was set back, or is not set yet after a reboot of a host without a battery.
 */
export function elapsedSince({ wall, boot }: StoredMoment, clock: Times): Ms {
  const elapsed = boot?.id === clock.bootId ? clock.now() - boot.at : clock.wall() - wall;
  return Math.max(0, elapsed);
}

export function storeLease(lease: Lease, clock: Times): StoredLease {
  const boot = { id: clock.bootId, at: lease.requestedAt };
  return { ...shifted(lease, clock.wall() - clock.now()), boot };
}

/**
 * The rest of the lease is never longer than its original duration, whatever the wall clock says.
 */
export function restoreLease({ boot, ...lease }: StoredLease, clock: Times): Lease {
  const age = elapsedSince({ wall: lease.requestedAt, boot }, clock);
  return shifted(lease, clock.now() - age - lease.requestedAt);
}

type LeaseTimes = Pick<StoredLease, 'requestedAt' | 't1At' | 't2At' | 'expiresAt'>;

/**
 * Returns the times of the lease by the present wall clock. People compare them with that clock.
 */
export function readableTimes(lease: StoredLease, clock: Times): LeaseTimes {
  const { requestedAt, boot } = lease;
  const age = elapsedSince({ wall: requestedAt, boot }, clock);
  return timesOf(lease, clock.wall() - age - requestedAt);
}

function shifted<T extends LeaseTimes>(lease: T, by: number): T {
  return { ...lease, ...timesOf(lease, by) };
}

function timesOf({ requestedAt, t1At, t2At, expiresAt }: LeaseTimes, by: Ms): LeaseTimes {
  return {
    requestedAt: requestedAt + by,
    t1At: t1At + by,
    t2At: t2At + by,
    expiresAt: expiresAt + by,
  };
}
