/** Checks the options of RequestPool. One error names all mistakes. */
import { PluginError } from '../vocabulary/errors.ts';
import { formatSubnet, parseSubnet, subnetHasAll, type Subnet } from '../wire/subnet.ts';
import type { RequestPoolRequest } from '../options/ipam-requests.ts';
import { parseNetworkOptions, type NetworkOptions } from '../options/options.ts';

export interface PoolWish {
  /** `--subnet`. Undefined means that the plugin asks the DHCP servers. */
  readonly subnet: Subnet | undefined;
  readonly range: Subnet | undefined;
  readonly given: Readonly<Record<string, string>>;
  /** Undefined if no parent was named, which is allowed only with a subnet. */
  readonly options: NetworkOptions | undefined;
}

/** A /31 or /32 has no room for a router and a container. */
const LONGEST_PREFIX = 30;

/** @throws PluginError INVALID_OPTION, UNSUPPORTED. */
export function parsePoolRequest(request: RequestPoolRequest): PoolWish {
  const subnet = request.pool === '' ? undefined : requireSubnet('--subnet', request.pool);
  const range = request.subPool === '' ? undefined : requireSubnet('--ip-range', request.subPool);
  if (subnet !== undefined && range !== undefined) requireWithin(range, subnet);
  const { parent } = request.options;
  if (parent === undefined && subnet === undefined) {
    throw new PluginError(
      'INVALID_OPTION',
      'which link and VLAN to lease addresses on is not known: add --ipam-opt parent=LINK --ipam-opt vlan=ID; or, for a network of vlandhcp, --subnet beside -o parent=LINK -o vlan=ID (in a Compose file, which passes no IPAM options: ipam: { driver: vlandhcp, config: [{ subnet: SUBNET }] } beside driver_opts: { parent: LINK, vlan: "ID" })',
    );
  }
  // The parent may be missing here. This checks the other options.
  const options = parseNetworkOptions({ parent: 'unknown', ...request.options }, '--ipam-opt ');
  refuseLate(options);
  const given = textOptions(request.options);
  return { subnet, range, given, options: parent === undefined ? undefined : options };
}

/**
 * @throws PluginError INVALID_OPTION: an IPAM driver must return an address when it is asked for
 * one.
 */
export function refuseLate({ onNoServer, ipv4 }: NetworkOptions): void {
  if (!ipv4) {
    throw new PluginError(
      'INVALID_OPTION',
      'ipv4=off does not go with --ipam-driver vlandhcp, from which Docker wants an IPv4 address; use --ipam-driver null',
    );
  }
  if (onNoServer === 'fail') return;
  throw new PluginError(
    'INVALID_OPTION',
    `on_no_server=${onNoServer} does not go with --ipam-driver vlandhcp, from which Docker wants an address at once; use --ipam-driver null, or leave it out`,
  );
}

/** @throws PluginError INVALID_OPTION. */
export function requireWithin(range: Subnet, subnet: Subnet): void {
  if (subnetHasAll(subnet, range)) return;
  throw new PluginError(
    'INVALID_OPTION',
    `--ip-range ${formatSubnet(range)} is not within the subnet ${formatSubnet(subnet)}`,
  );
}

function requireSubnet(flag: string, text: string): Subnet {
  const subnet = parseSubnet(text);
  if (subnet !== undefined && (flag !== '--subnet' || isUsable(subnet))) return subnet;
  throw new PluginError(
    'INVALID_OPTION',
    `${flag} ${JSON.stringify(text)} is not an IPv4 subnet such as 10.50.0.0/24, at most a /${LONGEST_PREFIX}`,
  );
}

function isUsable({ prefixLength }: Subnet): boolean {
  return prefixLength >= 1 && prefixLength <= LONGEST_PREFIX;
}

/** Only for options that were all found to be text. */
export function textOptions(given: Readonly<Record<string, unknown>>): Record<string, string> {
  const entries = Object.entries(given).flatMap(([key, value]) =>
    typeof value === 'string' ? [[key, value] as const] : [],
  );
  return Object.fromEntries(entries);
}
