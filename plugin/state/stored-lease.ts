/**
 * Moments and leases as they are stored. The wall clock is all that two boots of a host have in common, but
 * it may be stepped; within one boot the kernel's own clock is the better witness. So both are kept: the same
 * boot goes by its clock, another one by the wall.
 */
import type { Clock } from '../clock.ts';
import type { Lease, LeaseTerms } from '../vocabulary/lease.ts';
import type { Instant, Ms, WallTime } from '../vocabulary/time.ts';

/** An instant of one boot. Absent in files of versions before it was kept. */
interface BootInstant {
  readonly id: string;
  readonly at: Instant;
}

export interface StoredMoment {
  readonly wall: WallTime;
  readonly boot?: BootInstant | undefined;
}

/** Same terms, wall times. */
export interface StoredLease extends LeaseTerms {
  readonly requestedAt: WallTime;
  readonly t1At: WallTime;
  readonly t2At: WallTime;
  readonly expiresAt: WallTime;
  /** `requestedAt` on the clock of the boot it was stored in. */
  readonly boot?: BootInstant | undefined;
}

export function storeMoment(clock: Clock): StoredMoment {
  return { wall: clock.wall(), boot: { id: clock.bootId, at: clock.now() } };
}

/**
 * How long ago it was. A moment that lies in the future counts as now: after a reboot the wall clock was set
 * back, or is not set yet on a host without a battery.
 */
export function elapsedSince({ wall, boot }: StoredMoment, clock: Clock): Ms {
  const elapsed = boot?.id === clock.bootId ? clock.now() - boot.at : clock.wall() - wall;
  return Math.max(0, elapsed);
}

export function storeLease(lease: Lease, clock: Clock): StoredLease {
  const boot = { id: clock.bootId, at: lease.requestedAt };
  return { ...shifted(lease, clock.wall() - clock.now()), boot };
}

/** Never longer than its original duration from now, whatever the wall clock says. */
export function restoreLease({ boot, ...lease }: StoredLease, clock: Clock): Lease {
  const age = elapsedSince({ wall: lease.requestedAt, boot }, clock);
  return shifted(lease, clock.now() - age - lease.requestedAt);
}

/** The same lease with its times by the wall clock as it is now: for people, who read them off that clock. */
export function readableLease(lease: StoredLease, clock: Clock): StoredLease {
  return storeLease(restoreLease(lease, clock), clock);
}

function shifted<T extends Pick<Lease, 'requestedAt' | 't1At' | 't2At' | 'expiresAt'>>(
  lease: T,
  by: number,
): T {
  return {
    ...lease,
    requestedAt: lease.requestedAt + by,
    t1At: lease.t1At + by,
    t2At: lease.t2At + by,
    expiresAt: lease.expiresAt + by,
  };
}
