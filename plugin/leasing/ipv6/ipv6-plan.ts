/**
 * What a container does about IPv6 on this segment, given what its routers tell (pure). The flags M
 * and O are those of RFC 4861 §4.2. A host obeys any router that sets them.
 */
import { speakingRouters, type RouterTable } from '../../ndp/routers.ts';
import { chooseSlaacAddress } from '../../ndp/slaac.ts';
import type { Ipv6Mode } from '../../vocabulary/ipv6/addressing.ts';
import type { Instant } from '../../vocabulary/time.ts';
import type { Ipv6 } from '../../wire/address6.ts';

export interface Ipv6Plan {
  /** The address of a router's prefix. */
  readonly slaac: Ipv6 | undefined;
  /** What a DHCPv6 server is asked for. */
  readonly dhcp: 'lease' | 'information' | undefined;
}

export function planFor(
  mode: Ipv6Mode,
  table: RouterTable,
  interfaceId: Ipv6,
  now: Instant,
): Ipv6Plan {
  const speaking = speakingRouters(table, now);
  const isManaged = speaking.some(({ advertisement }) => advertisement.isManaged);
  const isInformed = speaking.some(({ advertisement }) => advertisement.hasOtherConfig);
  const slaac = mode === 'dhcp' ? undefined : chooseSlaacAddress(table, interfaceId, now)?.address;
  if (mode === 'dhcp' || (mode === 'auto' && isManaged)) return { slaac, dhcp: 'lease' };
  return { slaac, dhcp: isManaged || isInformed ? 'information' : undefined };
}

/** Equal for two tables that lead to the same plans, apart from the age of what was heard. */
export function signatureOf(table: RouterTable): string {
  return JSON.stringify(
    table.map(({ address, mac, advertisement, older }) => [
      address,
      mac,
      advertisement,
      older.map(({ option }) => option),
    ]),
    (_key, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
  );
}
