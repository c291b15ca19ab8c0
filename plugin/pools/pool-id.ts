/**
 * PoolIDs. dockerd keeps a PoolID for the life of a network, and sends it with every request for an
 * address. A PoolID says what the pool is, so a network still works if our state folder is lost.
 *
 *   v1:4:<parent>:<vlan or 0>:<subnet>:<record id>
 *
 *   v1:6:<parent>:<vlan or 0>:<IPv6 subnet>:<id>
 *
 * Nothing else is stored of a pool of IPv6. Its addresses are on the records of IPv4 leases.
 *
 * `vlan` is `500`, or `10.500` or `10q.500` with two tags (vlan-tags.ts).
 * `parent` is empty if a network of ours names parent and VLAN.
 */
import { isLinkName } from '../vocabulary/link-name.ts';
import { isStackedVlan, parseVlan, type Vlan } from '../vocabulary/vlan-tags.ts';
import { formatSubnet6, parseSubnet6, type Subnet6 } from '../wire/address6.ts';
import { formatSubnet, parseSubnet, type Subnet } from '../wire/subnet.ts';
import type { PoolRecord } from '../state/pool-records.ts';

/** What a PoolID says. */
export interface PoolIdentity {
  readonly id: string;
  readonly parent: string | undefined;
  readonly vlan: Vlan | undefined;
  readonly subnet: Subnet;
}

/** What the PoolID of an IPv6 pool says. */
export interface Pool6Identity {
  readonly parent: string | undefined;
  readonly vlan: Vlan | undefined;
  readonly subnet: Subnet6;
}

export function formatPoolId({
  id,
  given,
  subnet,
}: Pick<PoolRecord, 'id' | 'given' | 'subnet'>): string {
  return `v1:4:${placeOf(given)}:${formatSubnet(subnet)}:${id}`;
}

export function formatPool6Id(
  id: string,
  given: Readonly<Record<string, string>>,
  subnet: Subnet6,
): string {
  return `v1:6:${placeOf(given)}:${formatSubnet6(subnet)}:${id}`;
}

function placeOf(given: Readonly<Record<string, string>>): string {
  const vlan = parseVlan(given['vlan'] ?? '', given['outer']) ?? 0;
  return `${given['parent'] ?? ''}:${vlan}`;
}

/** Undefined if the text is not a PoolID of ours. */
export function parsePoolId(text: string): PoolIdentity | undefined {
  const match = /^v1:4:([^:]*):(\d{1,4}|\d{1,4}q?\.\d{1,4}):([\d./]+):([0-9a-f]{16})$/.exec(text);
  const [, parent = '', vlan = '', cidr = '', id = ''] = match ?? [];
  const subnet = parseSubnet(cidr);
  const place = parsePlace(parent, vlan);
  return subnet && place && { id, ...place, subnet };
}

/** Undefined if the text is not a PoolID of ours for IPv6. */
export function parsePool6Id(text: string): Pool6Identity | undefined {
  const match = /^v1:6:([^:]*):(\d{1,4}|\d{1,4}q?\.\d{1,4}):([\da-f:./]+):[0-9a-f]{16}$/.exec(text);
  const [, parent = '', vlan = '', cidr = ''] = match ?? [];
  const subnet = parseSubnet6(cidr);
  const place = parsePlace(parent, vlan);
  return subnet && place && { ...place, subnet };
}

function parsePlace(parent: string, vlan: string) {
  if (vlan.includes('.') && !isStackedVlan(vlan)) return undefined;
  if (parent !== '' && !isLinkName(parent)) return undefined;
  return { parent: parent || undefined, vlan: vlanOf(vlan) };
}

function vlanOf(text: string): Vlan | undefined {
  return isStackedVlan(text) ? text : Number(text) || undefined;
}
