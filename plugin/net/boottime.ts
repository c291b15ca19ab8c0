/**
 * Reads the kernel's clock that also counts suspended time (clock_gettime(2), CLOCK_BOOTTIME).
 * Reads the id of the boot that the clock counts from (random(4)).
 */
import { readFileSync } from 'node:fs';
import type { Instant } from '../vocabulary/time.ts';
import { fixedBytes, readClock } from './libc.ts';

const CLOCK_BOOTTIME = 7;
const BOOT_ID = '/proc/sys/kernel/random/boot_id';

/** struct timespec: seconds and nanoseconds, 8 bytes each. */
const area = fixedBytes(16);
const view = new DataView(area.buffer);

export const boottime = {
  /** Milliseconds since the host was booted, suspended time included. */
  now(): Instant {
    readClock(CLOCK_BOOTTIME, area);
    return Number(view.getBigInt64(0, true)) * 1000 + Number(view.getBigInt64(8, true)) / 1e6;
  },
  /** Each boot has another id. */
  bootId: readFileSync(BOOT_ID, 'utf8').trim(),
};
