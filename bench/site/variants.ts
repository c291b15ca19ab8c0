/**
 * The ways of attaching that are compared. Each is the network that it needs. An older plugin may
 * refuse to create a network. Its error text is then in the table.
 */
import { run } from '../../test/support/lab/lab.ts';
import { DUAL, staticRangeOf, subnetOf, type LinkNumber } from './site.ts';

export interface Variant {
  readonly name: string;
  readonly network: string;
  /** The words after `docker network create`. Undefined if the network is Docker's own. */
  readonly create: readonly string[] | undefined;
}

const macvlan = (n: LinkNumber, ...more: string[]) => [
  '-d',
  'macvlan',
  '-o',
  `parent=eth${n}`,
  ...more,
];
const ours = (n: LinkNumber, ...more: string[]) => [
  '-d',
  'vlandhcp',
  '-o',
  `parent=eth${n}`,
  ...more,
];
const ourIpam = (n: LinkNumber) => ['--ipam-driver', 'vlandhcp', '--ipam-opt', `parent=eth${n}`];

export const NONE: Variant = { name: 'none', network: 'none', create: undefined };
export const BRIDGE: Variant = { name: 'Docker bridge', network: 'bridge', create: undefined };
export const VLANDHCP: Variant = {
  name: 'vlandhcp, null IPAM',
  network: 'ours',
  create: ours(1, '--ipam-driver', 'null'),
};
export const VLANDHCP_IPAM: Variant = {
  name: 'vlandhcp, our IPAM',
  network: 'ours-ipam',
  create: ours(2, ...ourIpam(2)),
};
/** The first way with IPv6 beside IPv4. A container runs on it, so the router is known already. */
export const OUR_DUAL: Variant = {
  name: 'vlandhcp, null IPAM, IPv6',
  network: 'ours-dual',
  create: ours(DUAL, '--ipam-driver', 'null', '-o', 'ipv6=auto'),
};
/** Our networks without a bridge. */
export const OUR_MACVLAN: Variant = {
  name: 'vlandhcp, mode=macvlan',
  network: 'ours-macvlan',
  create: ours(6, '--ipam-driver', 'null', '-o', 'mode=macvlan'),
};
export const OUR_IPVLAN: Variant = {
  name: 'vlandhcp, mode=ipvlan',
  network: 'ours-ipvlan',
  create: ours(7, '--ipam-driver', 'null', '-o', 'mode=ipvlan'),
};
export const MACVLAN: Variant = {
  name: 'macvlan, static',
  network: 'macvlan',
  create: macvlan(3, '--subnet', subnetOf(3), '--ip-range', staticRangeOf(3)),
};
export const MACVLAN_IPAM: Variant = {
  name: 'macvlan, our IPAM',
  network: 'macvlan-ipam',
  create: macvlan(4, ...ourIpam(4)),
};

/** @returns the reason why the network is not available. Undefined if it exists now. */
export async function prepare({ network, create }: Variant): Promise<string | undefined> {
  if (create === undefined) return undefined;
  const { status, stderr } = await run('docker', ['network', 'create', ...create, network]);
  return status === 0 ? undefined : (stderr.trim().split('\n').at(-1) ?? 'refused');
}
