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
 * Docker's `--ipv6` means `-o ipv6=auto`, and `--ipv4=false` means `-o ipv4=off`, if nothing else
 * was typed.
 * @throws PluginError UNSUPPORTED for a subnet of Docker's own IPAM driver: addresses come from the
 * VLAN. INVALID_OPTION for `--ipv4=false` with `-o ipv4=on`.
 */
export function withFamilies(request: CreateNetworkRequest): CreateNetworkRequest {
  if (request.ipv4Data.some(isOurs)) return request; // see pool-binding.ts
  const implied = impliedBy(request);
  const other = request.ipv6Data.find(({ pool }) => pool !== '::/0' && pool !== '');
  if (other !== undefined || request.ipv6Data.some(isOurs)) {
    throw new PluginError(
      'UNSUPPORTED',
      `IPv6 addresses come from the VLAN's routers and servers, not from a pool; leave out --ipv6 and its subnet, and type: ${commandFor(request, { ...implied, ipv6: 'auto' })}`,
    );
  }
  const options = { ...implied, ...request.options };
  if (!request.ipv4 && options['ipv4'] === 'on') {
    throw new PluginError(
      'INVALID_OPTION',
      '--ipv4=false and -o ipv4=on contradict each other; leave one of the two out',
    );
  }
  return { ...request, options };
}

/** The options that Docker's own flags mean. */
function impliedBy({ ipv4, ipv6Data }: CreateNetworkRequest): Readonly<Record<string, string>> {
  return {
    ...(ipv4 ? {} : { ipv4: 'off' }),
    ...(ipv6Data.length === 0 ? {} : { ipv6: 'auto' }),
  };
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
