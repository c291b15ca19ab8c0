/**
 * Looks at the tables of iptables-legacy: are they in use, and have they changed? A look starts no
 * process and makes no table. The kernel does not report changes of them, so somebody has to look.
 * A look takes some microseconds.
 *
 *   struct ipt_getinfo  0 name  32 hooks  36 entries of hooks  56 ends of hooks
 *                       76 number of rules  80 bytes of rules
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
/** IPv6 uses the same number. */
const IPT_SO_GET_INFO = 64;
const INFO_LENGTH = 84;

/** False if the table is missing or the module is not loaded. */
export function hasLegacyFilter({ tables }: LegacyFamily): boolean {
  try {
    return readFileSync(tables, 'utf8').split('\n').includes('filter');
  } catch {
    return false;
  }
}

/**
 * Describes the filter tables of both families. The text stays the same while number, size and
 * place of the rules stay the same. It is empty if there are no tables. A rule that was replaced by
 * another one of its size is not noticed.
 * @throws SystemCallError
 */
export function describeLegacyFilters(): string {
  return [LEGACY_IPV4, LEGACY_IPV6].map(describe).join('');
}

function describe(family: LegacyFamily): string {
  // Else the kernel would make the table in order to answer.
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
