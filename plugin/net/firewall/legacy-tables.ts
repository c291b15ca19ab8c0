/**
 * The tables of iptables-legacy, without a process and without making one: are they in use, and are they what they were?
 * The kernel tells nobody when they change, so they have to be looked at; a look takes some microseconds.
 *
 *   struct ipt_getinfo  0 name  32 hooks  36 entries of hooks  56 ends of hooks  76 number of rules  80 bytes of rules
 */
import { closeSync, readFileSync } from 'node:fs';

import { fixedBytes, openSocket, readSocketOptionBytes } from '../libc.ts';

export interface LegacyFamily {
  readonly tables: string;
  readonly domain: number;
  readonly level: number;
}

export const LEGACY_IPV4: LegacyFamily = {
  tables: '/proc/net/ip_tables_names',
  domain: 2,
  level: 0,
};
export const LEGACY_IPV6: LegacyFamily = {
  tables: '/proc/net/ip6_tables_names',
  domain: 10,
  level: 41,
};

const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
/** The same number for IPv6. */
const IPT_SO_GET_INFO = 64;
const INFO_LENGTH = 84;

/** False also if the module is not loaded. */
export function hasLegacyFilter({ tables }: LegacyFamily): boolean {
  try {
    return readFileSync(tables, 'utf8').split('\n').includes('filter');
  } catch {
    return false;
  }
}

/**
 * The same text as long as number, size and place of the rules in the filter tables of both families are the same;
 * empty if there are none. A rule that took the place of another one of its size is not seen.
 * @throws SystemCallError
 */
export function describeLegacyFilters(): string {
  return [LEGACY_IPV4, LEGACY_IPV6].map(describe).join('');
}

function describe(family: LegacyFamily): string {
  // The kernel would make the table to answer.
  if (!hasLegacyFilter(family)) return '';
  const fd = openSocket(family.domain, SOCK_DGRAM_CLOEXEC, 0);
  try {
    const info = fixedBytes(INFO_LENGTH);
    info.set(new TextEncoder().encode('filter'));
    readSocketOptionBytes(fd, family.level, IPT_SO_GET_INFO, info);
    return `${family.level} ${Buffer.from(info).toString('hex')} `;
  } finally {
    closeSync(fd);
  }
}
