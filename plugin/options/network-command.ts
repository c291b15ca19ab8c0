/**
 * Refuses networks that cannot be made as typed. Says the command that works, and the lines of a
 * Compose file that work. Both have the options that were given. For a Swarm network they have the
 * form that Swarm needs.
 */
import { PluginError } from '../vocabulary/errors.ts';
import { ADDRESS_SPACE } from './ipam-requests.ts';
import type { CreateNetworkRequest } from './network-requests.ts';
import { noParent } from './option-problems.ts';
import { NETWORK_OPTIONS } from './options.ts';

/** Docker's own ids have 64 hex digits. Swarm's ids are numbers of base 36. */
const SWARM_ID = /^[a-z0-9]{25}$/;

/**
 * Docker's `--ipv6` means `-o ipv6=auto`, if nothing else was typed.
 * @throws PluginError UNSUPPORTED for `--ipv4=false`, and for a subnet of Docker's own IPAM driver:
 * addresses come from the VLAN.
 */
export function withFamilies(request: CreateNetworkRequest): CreateNetworkRequest {
  if (!request.ipv4) {
    throw new PluginError(
      'UNSUPPORTED',
      'a network without IPv4 is not built yet; leave out --ipv4=false, and type -o ipv6=auto for IPv6 beside IPv4',
    );
  }
  if (request.ipv4Data.some(isOurs)) return request; // see pool-binding.ts
  const other = request.ipv6Data.find(({ pool }) => pool !== '::/0' && pool !== '');
  if (other !== undefined || request.ipv6Data.some(isOurs)) {
    throw new PluginError(
      'UNSUPPORTED',
      `IPv6 addresses come from the VLAN's routers and servers, not from a pool; leave out --ipv6 and its subnet, and type: ${commandFor(request, { ipv6: 'auto' })}`,
    );
  }
  if (request.ipv6Data.length === 0) return request;
  return { ...request, options: { ipv6: 'auto', ...request.options } };
}

function isOurs({ addressSpace }: CreateNetworkRequest['ipv6Data'][number]): boolean {
  return addressSpace === ADDRESS_SPACE;
}

/** @throws PluginError UNSUPPORTED for the addresses of Docker's default IPAM driver. */
export function refuseDockersPool(request: CreateNetworkRequest): void {
  const other = request.ipv4Data.find(({ pool }) => pool !== '0.0.0.0/0' && pool !== '');
  if (other === undefined) return;
  throw new PluginError(
    'UNSUPPORTED',
    `addresses come from the VLAN's DHCP server, not from Docker's pool ${other.pool}; type: ${commandFor(request)}`,
  );
}

/** @param flag the flag that the user typed the other options with, and a blank. */
export function missingParent(request: CreateNetworkRequest, flag: string): string {
  return SWARM_ID.test(request.networkId)
    ? `${flag}parent=LINK is missing: a Swarm network takes options from a network that each node has for it; type ${commandFor(request)}`
    : noParent(flag);
}

/** What to type for this network, with the same options: a command, and the same in a file. */
function commandFor(
  { networkId, options, internal, ipv4Data }: CreateNetworkRequest,
  added: Readonly<Record<string, string>> = {},
): string {
  const pool = ipv4Data.find(({ addressSpace }) => addressSpace === ADDRESS_SPACE)?.pool;
  const isSwarm = SWARM_ID.test(networkId);
  const create = 'docker network create';
  const flags = internal ? ['--internal'] : [];
  const ipam = [
    // Swarm knows only managed plugins, by name and tag.
    `--ipam-driver ${pool === undefined ? 'null' : isSwarm ? 'vlandhcp:stable' : 'vlandhcp'}`,
    ...(pool === undefined ? [] : [`--subnet ${pool}`]),
  ];
  const given = givenOptions({ ...added, ...options });
  const words = given.map(([key, value]) => `-o ${key}=${value}`);
  if (!isSwarm) {
    const command = [create, '-d vlandhcp', ...ipam, ...flags, ...words, 'NAME'].join(' ');
    return `${command} (in a Compose file: ${composeLines(given, pool, internal)})`;
  }
  const config = [create, '--config-only', ...ipam, ...words, 'CONFIG'];
  const once = [create, '-d vlandhcp:stable --scope swarm', ...flags, '--config-from CONFIG NAME'];
  return `on every node: ${config.join(' ')}, then once: ${once.join(' ')} (in a stack file: external: true)`;
}

/** A network in a Compose file, as one line of YAML. Compose passes no IPAM options. */
function composeLines(given: readonly Option[], pool: string | undefined, internal: boolean) {
  const options = given.map(([key, value]) => `${key}: ${JSON.stringify(value)}`).join(', ');
  return [
    'driver: vlandhcp',
    ...(internal ? ['internal: true'] : []),
    `driver_opts: { ${options} }`,
    pool === undefined
      ? 'ipam: { driver: "null" }'
      : `ipam: { driver: vlandhcp, config: [{ subnet: ${pool} }] }`,
  ].join(', ');
}

type Option = readonly [key: string, value: string];

function givenOptions(options: CreateNetworkRequest['options']): Option[] {
  const known = Object.keys(NETWORK_OPTIONS).flatMap((key): Option[] => {
    const value = options[key];
    return typeof value === 'string' ? [[key, value]] : [];
  });
  if (typeof options['parent'] === 'string') return known;
  const rest = known.filter(([key]) => key !== 'vlan');
  return [
    ['parent', 'LINK'],
    ['vlan', typeof options['vlan'] === 'string' ? options['vlan'] : 'ID'],
    ...rest,
  ];
}
