/**
 * PoolIDs. dockerd keeps a PoolID for the life of a network, and sends it with every request for an
 * address. A PoolID says what the pool is, so a network still works if our state folder is lost.
 *
 *   v1:4:<parent>:<vlan or 0>:<subnet>:<record id>
 *
 * `vlan` is `500`, or `10.500` or `10q.500` with two tags (vlan-tags.ts).
 * `parent` is empty if a network of ours names parent and VLAN.
 */
import { isLinkName } from '../vocabulary/link-name.ts';
import { isStackedVlan, parseVlan, type Vlan } from '../vocabulary/vlan-tags.ts';
import { formatSubnet, parseSubnet, type Subnet } from '../wire/subnet.ts';
import type { PoolRecord } from '../state/pool-records.ts';

/** What a PoolID says. */
export interface PoolIdentity {
  readonly id: string;
  readonly parent: string | undefined;
  readonly vlan: Vlan | undefined;
  readonly subnet: Subnet;
}

export function formatPoolId({
  id,
  given,
  subnet,
}: Pick<PoolRecord, 'id' | 'given' | 'subnet'>): string {
  const vlan = parseVlan(given['vlan'] ?? '', given['outer']) ?? 0;
  return `v1:4:${given['parent'] ?? ''}:${vlan}:${formatSubnet(subnet)}:${id}`;
}

/** Undefined if the text is not a PoolID of ours. */
export function parsePoolId(text: string): PoolIdentity | undefined {
  const match = /^v1:4:([^:]*):(\d{1,4}|\d{1,4}q?\.\d{1,4}):([\d./]+):([0-9a-f]{16})$/.exec(text);
  const [, parent = '', vlan = '', cidr = '', id = ''] = match ?? [];
  const subnet = parseSubnet(cidr);
  if (vlan.includes('.') && !isStackedVlan(vlan)) return undefined;
  if (subnet === undefined || (parent !== '' && !isLinkName(parent))) return undefined;
  return { id, parent: parent || undefined, vlan: vlanOf(vlan), subnet };
}

function vlanOf(text: string): Vlan | undefined {
  return isStackedVlan(text) ? text : Number(text) || undefined;
}
