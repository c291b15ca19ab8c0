/**
 * Waits for links that have just been set up to carry frames.
 *
 * "Up" is not enough: the kernel notices the carrier a little later, in the background. Until then it drops
 * what is sent, and a bridge port does not forward. Measured: 2 of 20 first frames lost, which costs a
 * DHCP client its whole first retransmission delay.
 */
import { closeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Ms } from '../time.ts';
import { controlDevice, fixedBytes, openSocket, SystemCallError } from './libc.ts';

const AF_INET = 2;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const SIOCGIFFLAGS = 0x8913;
const IFREQ_LENGTH = 40;
const IFREQ_VALUE_AT = 16;
const IFF_RUNNING = 0x40;

const ENOUGH_MS: Ms = 500;
const BETWEEN_LOOKS_MS: Ms = 1;

/**
 * Returns as soon as all of the links run, and after half a second in any case: then something else is
 * wrong, which the first one to use them finds out.
 * @returns true if they run.
 */
export async function waitUntilRunning(links: readonly string[]): Promise<boolean> {
  const giveUpAt = performance.now() + ENOUGH_MS;
  const fd = openSocket(AF_INET, SOCK_DGRAM_CLOEXEC, 0);
  try {
    for (;;) {
      if (links.every((link) => isRunning(fd, link))) return true;
      if (performance.now() >= giveUpAt) return false;
      await sleep(BETWEEN_LOOKS_MS);
    }
  } finally {
    closeSync(fd);
  }
}

function isRunning(fd: number, link: string): boolean {
  const request = fixedBytes(IFREQ_LENGTH);
  new TextEncoder().encodeInto(link, request.subarray(0, IFREQ_VALUE_AT - 1));
  try {
    controlDevice(fd, SIOCGIFFLAGS, request);
  } catch (error) {
    if (error instanceof SystemCallError) return false;
    throw error;
  }
  return (new DataView(request.buffer).getUint16(IFREQ_VALUE_AT, true) & IFF_RUNNING) !== 0;
}
