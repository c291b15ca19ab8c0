/** Refuses the options of a container that its network cannot fulfil (pure). */
import { PluginError } from '../vocabulary/errors.ts';
import type { Ipv4, Mac } from '../wire/address.ts';
import { macFromId, type EndpointOptions } from './endpoint-options.ts';
import { refuse } from './option-problems.ts';
import type { NetworkOptions } from './options.ts';

/** @throws PluginError INVALID_OPTION for options of a family that the network does not have. */
export function refuseOtherFamily(
  { token, address6, address, hostName }: EndpointOptions,
  { ipv4, ipv6: mode }: Pick<NetworkOptions, 'ipv4' | 'ipv6'>,
): void {
  const ipv6 = mode ?? 'off';
  const problems: string[] = [];
  if (token !== undefined && (ipv6 === 'off' || ipv6 === 'dhcp')) {
    problems.push(
      `driver-opt token=${token} is for an address of a prefix, and this network has ipv6=${ipv6}; leave it out, or create the network with ipv6=slaac`,
    );
  }
  if (address6 !== undefined && (ipv6 === 'off' || ipv6 === 'slaac')) {
    problems.push(
      `driver-opt ip6=${address6} is for an address of a DHCPv6 server, and this network has ipv6=${ipv6}; leave it out, or create the network with ipv6=dhcp`,
    );
  }
  const ofIpv4 = Object.entries({ ip: address, hostname: hostName })
    .filter(([, value]) => value !== undefined && !ipv4)
    .map(([key, value]) => `driver-opt ${key}=${value}`);
  if (ofIpv4.length > 0) {
    problems.push(
      `${ofIpv4.join(' and ')} would be told to a DHCPv4 server, and this network has ipv4=off; leave it out`,
    );
  }
  refuse(problems);
}

/**
 * @throws PluginError INVALID_OPTION for options that came too late, because the lease exists
 * already.
 */
export function refuseLateWishes(
  { id, mac: typed, hostName, address, token, address6 }: EndpointOptions,
  { mac, address: leased }: { readonly mac: Mac; readonly address: Ipv4 },
): void {
  const meant = typed ?? (id === undefined ? mac : macFromId(id));
  const what = typed === undefined ? `id=${String(id)}` : 'mac=';
  const without = Object.entries({ hostname: hostName, token, ip6: address6 }).filter(
    ([, value]) => value !== undefined,
  );
  const problems = [
    ...(meant === mac
      ? []
      : [`driver-opt ${what} means MAC ${meant}: type --mac-address ${meant} instead`]),
    ...(address === undefined || address === leased
      ? []
      : [`driver-opt ip=${address}: type --ip ${address} instead, with --subnet on the network`]),
    ...without.map(([key, value]) => `driver-opt ${key}=${value}: leave it out`),
  ];
  if (problems.length === 0) return;
  throw new PluginError(
    'INVALID_OPTION',
    `with --ipam-driver vlandhcp the address is leased before driver options are known; ${problems.join('; ')}; or use --ipam-driver null`,
  );
}
