/** Judges what leases are kept by: clock, disk, records (pure). */
import type { DiskSpace } from '../state/files/disk-space.ts';
import { durationText, type Ms } from '../vocabulary/time.ts';
import { fail, ok, warn, type Finding } from './finding.ts';

export interface KeepingFacts {
  /** How far the wall clock has moved against the kernel's since the leases were made. */
  readonly clockSteps: readonly Ms[];
  /** How far in the future the youngest lease of another boot was made. */
  readonly aheadMs: Ms;
  /** Of the folder of the state. Undefined if it cannot be read. */
  readonly disk: DiskSpace | undefined;
  readonly folder: string;
  /** False if a record could not be read at the start. */
  readonly isComplete: boolean;
}

/** Adjusting a clock by NTP moves it by less. */
const STEP_LIMIT: Ms = 60_000;
/** A record takes less than 2 kB. The history of events is bounded. */
const DISK_FAIL = 4_000_000;
const DISK_WARN = 50_000_000;
/** A record is written to a second file first. */
const FILES_FAIL = 2;
const FILES_WARN = 500;

export function judgeKeeping(facts: KeepingFacts): Finding[] {
  return [judgeClock(facts), judgeDisk(facts), judgeState(facts)];
}

function judgeClock({ clockSteps, aheadMs }: KeepingFacts): Finding {
  const step = clockSteps.reduce((most, one) => (Math.abs(one) > Math.abs(most) ? one : most), 0);
  const mend =
    'compare it: date; set it: systemctl restart systemd-timesyncd (or chronyc makestep)';
  if (Math.abs(step) > STEP_LIMIT) {
    const way = step < 0 ? 'back' : 'forward';
    const text = `the clock of this host was set ${way} by ${durationText(Math.abs(step))} since leases were made; the times that are shown are wrong by that much`;
    return fail('clock', 'host', text, mend);
  }
  if (aheadMs > STEP_LIMIT) {
    const text = `a lease was made ${durationText(aheadMs)} in the future: the clock of this host is slow`;
    return fail('clock', 'host', text, mend);
  }
  return ok('clock', 'host', 'the clock agrees with the times of all leases');
}

function judgeDisk({ disk, folder }: KeepingFacts): Finding {
  if (disk === undefined) {
    return warn('disk', folder, `the free space of ${folder} is not known`, `df ${folder}`);
  }
  if (!disk.isWritable) {
    const text = `${folder} is read-only, so no lease can be stored`;
    return fail('disk', folder, text, `dmesg says why; then: mount -o remount,rw the file system of ${folder}`); // prettier-ignore
  }
  const { freeFiles = Infinity } = disk;
  const mend = 'docker system df; docker image prune';
  if (freeFiles < FILES_WARN) {
    const say = freeFiles < FILES_FAIL ? fail : warn;
    const text = `only ${freeFiles} more files can be made where leases are stored (inodes)`;
    return say('disk', folder, text, `df -i ${folder}; ${mend}`);
  }
  const text = `${Math.floor(disk.free / 1e6)} MB are free where leases are stored`;
  if (disk.free < DISK_FAIL) return fail('disk', folder, `only ${text}`, mend);
  if (disk.free < DISK_WARN) return warn('disk', folder, `only ${text}`, mend);
  return ok('disk', folder, text);
}

function judgeState({ isComplete, folder }: KeepingFacts): Finding {
  if (isComplete) return ok('state', folder, 'all records were read');
  const text = 'a record could not be read when the plugin started, so nothing is removed';
  return fail('state', folder, text, 'docker vlandhcp logs | grep "state file"');
}
