/**
 * PoolIDs. dockerd keeps a PoolID for the life of a network, and sends it with every request for an
 * address. A PoolID says what the pool is, so a network still works if our state folder is lost.
 *
 *   v1:4:<parent>:<vlan or 0>:<subnet>:<record id>
 *
 * `parent` is empty if a network of ours names parent and VLAN.
 */
import { isLinkName } from '../vocabulary/link-name.ts';
import { formatSubnet, parseSubnet, type Subnet } from '../wire/subnet.ts';
import type { PoolRecord } from '../state/pool-records.ts';

/** What a PoolID says. */
export interface PoolIdentity {
  readonly id: string;
  readonly parent: string | undefined;
  readonly vlan: number | undefined;
  readonly subnet: Subnet;
}

export function formatPoolId({
  id,
  given,
  subnet,
}: Pick<PoolRecord, 'id' | 'given' | 'subnet'>): string {
  return `v1:4:${given['parent'] ?? ''}:${given['vlan'] ?? 0}:${formatSubnet(subnet)}:${id}`;
}

/** Undefined if the text is not a PoolID of ours. */
export function parsePoolId(text: string): PoolIdentity | undefined {
  const match = /^v1:4:([^:]*):(\d{1,4}):([\d./]+):([0-9a-f]{16})$/.exec(text);
  const [, parent = '', vlan = '', cidr = '', id = ''] = match ?? [];
  const subnet = parseSubnet(cidr);
  if (subnet === undefined || (parent !== '' && !isLinkName(parent))) return undefined;
  return { id, parent: parent || undefined, vlan: Number(vlan) || undefined, subnet };
}
