/** Reads links and addresses through `ip -j`, and turns them into our own types. */
import { PluginError } from '../../vocabulary/errors.ts';
import { isTag, type VlanTag } from '../../vocabulary/vlan-tags.ts';
import { parseMac } from '../../wire/address.ts';
import type { Mac } from '../../wire/address.ts';
import { ipJson, isAlreadyGone } from '../ip.ts';

export interface Link {
  readonly name: string;
  readonly index: number;
  /** Undefined for a link without an Ethernet address, such as a tunnel. */
  readonly mac: Mac | undefined;
  readonly mtu: number;
  readonly isUp: boolean;
  /** True if the link is up, but nothing is plugged in. */
  readonly hasNoCarrier: boolean;
  readonly isLoopback: boolean;
  /** `vlan`, `bridge`, `veth` and so on. Undefined for a plain network card. */
  readonly kind: string | undefined;
  /** The bridge, bond or VRF that this link is a port of. */
  readonly master: string | undefined;
  /**
   * The other end of a veth, or the link below a VLAN link, if that is in this network namespace.
   */
  readonly lower: string | undefined;
  readonly alias: string | undefined;
  /** Only of a port of a bridge: true if it does not reach other isolated ports. */
  readonly isIsolated?: boolean;
  readonly vlan: { readonly id: number; readonly protocol: string } | undefined;
  readonly bridge: { readonly hasStp: boolean; readonly forwardDelaySec: number } | undefined;
}

/** Undefined if there is no link of that name. */
export async function readLink(name: string): Promise<Link | undefined> {
  try {
    const links = decodeLinks(await ipJson(['-d', 'link', 'show', 'dev', name]));
    return links[0];
  } catch (error) {
    if (isAlreadyGone(error)) return undefined;
    throw error;
  }
}

export async function readLinksOfKind(kind: 'vlan' | 'veth'): Promise<readonly Link[]> {
  return decodeLinks(await ipJson(['-d', 'link', 'show', 'type', kind]));
}

export async function readAllLinks(): Promise<readonly Link[]> {
  return decodeLinks(await ipJson(['-d', 'link', 'show']));
}

/** Goes up from the parent, by one link for each tag. The names do not matter. */
export function linkWithTags(
  links: readonly Link[],
  parent: string,
  tags: readonly VlanTag[],
): Link | undefined {
  let found: Link | undefined;
  for (const tag of tags) {
    const below: string = found?.name ?? parent;
    found = links.find(({ lower, vlan }) => lower === below && isTag(tag, vlan));
    if (found === undefined) return undefined;
  }
  return found;
}

export async function readPorts(bridge: string): Promise<readonly Link[]> {
  try {
    return decodeLinks(await ipJson(['-d', 'link', 'show', 'master', bridge]));
  } catch (error) {
    if (isAlreadyGone(error)) return [];
    throw error;
  }
}

/**
 * Reads what the host itself uses the link for: its addresses (any IPv4 address, and IPv6 addresses
 * that are not link-local) and default routes. Each is one or two words for a message. An empty
 * list means that the host does not use the link.
 */
export async function readHostUse(name: string): Promise<readonly string[]> {
  const [addresses, routes4, routes6] = await Promise.all([
    ipJson(['addr', 'show', 'dev', name]),
    ipJson(['route', 'show', 'default', 'dev', name]),
    ipJson(['-6', 'route', 'show', 'default', 'dev', name]),
  ]);
  const used = addresses.flatMap((entry) => {
    const infos = field(entry, 'addr_info');
    return Array.isArray(infos) ? infos.flatMap(hostAddress) : [];
  });
  if (routes4.length > 0) used.push('the IPv4 default route');
  if (routes6.length > 0) used.push('the IPv6 default route');
  return used;
}

function hostAddress(info: unknown): string[] {
  const family = field(info, 'family');
  const isOurs = family === 'inet' || (family === 'inet6' && field(info, 'scope') !== 'link');
  return isOurs ? [`${String(field(info, 'local'))}/${String(field(info, 'prefixlen'))}`] : [];
}

/** @throws PluginError IP_COMMAND_FAILED with the name of the missing field. */
export function decodeLinks(entries: readonly unknown[]): readonly Link[] {
  return entries.map(decodeLink);
}

function decodeLink(entry: unknown): Link {
  const name = required(entry, 'ifname', 'string');
  const flags = field(entry, 'flags');
  if (!Array.isArray(flags)) throw missing('flags', entry);
  const info = field(entry, 'linkinfo');
  const kind = optional(info, 'info_kind', 'string');
  const data = field(info, 'info_data');
  return {
    name,
    index: required(entry, 'ifindex', 'number'),
    mac: parseMac(optional(entry, 'address', 'string') ?? ''),
    mtu: required(entry, 'mtu', 'number'),
    isUp: flags.includes('UP'),
    hasNoCarrier: flags.includes('UP') && flags.includes('NO-CARRIER'),
    isLoopback: flags.includes('LOOPBACK'),
    kind,
    master: optional(entry, 'master', 'string'),
    // If the lower link is in another namespace, the entry has a `link_netnsid`. The name in `link`
    // then belongs to another link.
    lower:
      field(entry, 'link_netnsid') === undefined ? optional(entry, 'link', 'string') : undefined,
    alias: optional(entry, 'ifalias', 'string'),
    ...(field(field(info, 'info_slave_data'), 'isolated') === true ? { isIsolated: true } : {}),
    vlan:
      kind === 'vlan'
        ? { id: required(data, 'id', 'number'), protocol: required(data, 'protocol', 'string') }
        : undefined,
    bridge:
      kind === 'bridge'
        ? {
            hasStp: (optional(data, 'stp_state', 'number') ?? 0) !== 0,
            forwardDelaySec: (optional(data, 'forward_delay', 'number') ?? 0) / 100,
          }
        : undefined,
  };
}

interface FieldTypes {
  string: string;
  number: number;
}

function field(entry: unknown, name: string): unknown {
  return typeof entry === 'object' && entry !== null
    ? (entry as Record<string, unknown>)[name]
    : undefined;
}

function optional<Kind extends keyof FieldTypes>(
  entry: unknown,
  name: string,
  kind: Kind,
): FieldTypes[Kind] | undefined {
  const value = field(entry, name);
  return typeof value === kind ? (value as FieldTypes[Kind]) : undefined;
}

function required<Kind extends keyof FieldTypes>(
  entry: unknown,
  name: string,
  kind: Kind,
): FieldTypes[Kind] {
  const value = optional(entry, name, kind);
  if (value === undefined) throw missing(name, entry);
  return value;
}

function missing(name: string, entry: unknown): PluginError {
  return new PluginError(
    'IP_COMMAND_FAILED',
    `"ip -j" described a link without "${name}"; iproute2 6.1 or newer is known to work`,
    { evidence: { entry } },
  );
}
