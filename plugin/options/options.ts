/**
 * Reads the options after `-o` of a network. An unknown key or a bad value is refused. One error
 * names all mistakes.
 */
import { MACVLAN_MODES, type AttachmentMode, type MacvlanMode } from '../vocabulary/attachment.ts';
import type { DnsServer } from '../vocabulary/dns-redirect.ts';
import type { Ipv6Mode } from '../vocabulary/ipv6/addressing.ts';
import { LINK_NAME_MAX_LENGTH } from '../vocabulary/link-name.ts';
import type { GuardMode } from '../vocabulary/port-rules.ts';
import type { Ms } from '../vocabulary/time.ts';
import { parseVlan, type Vlan } from '../vocabulary/vlan-tags.ts';
import {
  ACD_MODES,
  MODES_TO_TYPE,
  NETWORK_OPTIONS,
  NO_SERVER_MODES,
  type AcdMode,
  type NoServerMode,
  type ServerIdMode,
} from './network-option-table.ts';
import { noParent, refuse } from './option-problems.ts';
import { findProblems, textOf } from './option-table.ts';
import { parseAddresses, parseGuard, parseRelease, parseServers } from './option-values.ts';
import { ipv6ModeOf, withoutIpv4 } from './without-ipv4.ts';
import { siteOptionsOf, siteProblems, type SiteOptions } from './site/site-options.ts';
import type { Ipv4 } from '../wire/address.ts';

export {
  ACD_MODES,
  NETWORK_OPTIONS,
  NO_SERVER_MODES,
  SERVER_ID_MODES,
} from './network-option-table.ts';

export interface NetworkOptions extends SiteOptions {
  readonly parent: string;
  /** One tag or two; undefined if untagged. */
  readonly vlan: Vlan | undefined;
  readonly mode: AttachmentMode;
  /** Undefined unless `mode` is `bridge`. */
  readonly bridge: string | undefined;
  /**
   * With `mode` `vlan-bridge`: the port of the bridge that leads to the trunk. The bridge itself is
   * the parent. Undefined if the operator sees to that port himself.
   */
  readonly uplink: string | undefined;
  /** Undefined unless `mode` is `macvlan`. */
  readonly macvlanMode: MacvlanMode | undefined;
  /** True if containers of one host are kept apart. */
  readonly isolate: boolean;
  /** True if the host gets a link and a leased address of its own. Only with `mode` `macvlan`. */
  readonly hostAccess: boolean;
  readonly mtu: number | undefined;
  readonly leaseTimeoutMs: Ms;
  readonly acd: AcdMode;
  /** Servers whose offers count; empty if any server counts. */
  readonly dhcpServers: readonly Ipv4[];
  readonly rapidCommit: boolean;
  /** `lenient`: if the server identifier is missing, the source of the packet is used. */
  readonly serverId: ServerIdMode;
  /**
   * How long a lease is held after its container is gone; Infinity: it is never given back.
   * Undefined: the container's identity decides (held-leases.ts).
   */
  readonly releaseAfterMs: Ms | undefined;
  readonly onExpiry: 'remove' | 'keep';
  readonly onNoServer: NoServerMode;
  /** Whether DNS queries of containers go to the servers of the lease. */
  readonly dns: 'docker' | 'lease';
  /** The servers whose place they take. Empty: those of the host. */
  readonly dnsInsteadOf: readonly DnsServer[];
  readonly guard: GuardMode;
  readonly onConflict: 'defend' | 'leave';
  /** False: containers get no IPv4 address. */
  readonly ipv4: boolean;
  /** Undefined: containers get no IPv6 address. */
  readonly ipv6: Ipv6Mode | undefined;
  /** How long a start waits for IPv6 once it has an address. */
  readonly ipv6PatienceMs: Ms;
}

/** Options that only one mode has. */
const OPTIONS_OF_A_MODE: Readonly<Record<string, AttachmentMode>> = {
  bridge: 'bridge',
  macvlan_mode: 'macvlan',
  host_access: 'macvlan',
};

function strangers(
  flag: string,
  mode: AttachmentMode,
  given: Readonly<Record<string, unknown>>,
): readonly string[] {
  return Object.entries(OPTIONS_OF_A_MODE)
    .filter(([key, owner]) => owner !== mode && Object.hasOwn(given, key))
    .map(
      ([key, owner]) =>
        `${flag}${key} belongs to mode=${owner}, and this network has mode=${mode}; leave it out, or type ${flag}mode=${owner}`,
    );
}

/** Why a network cannot have IPv6 as well. */
function withoutIpv6(
  flag: string,
  mode: AttachmentMode,
  text: (key: 'mtu') => string | undefined,
): readonly string[] {
  const what = `${flag}ipv6= cannot be had with`;
  const mtu = text('mtu');
  return [
    ...(mode === 'ipvlan'
      ? [`${what} mode=ipvlan, where all containers have one MAC; take mode=bridge or mode=macvlan`]
      : []),
    ...(mtu !== undefined && Number(mtu) < 1280
      ? [`${what} mtu=${mtu}: links with IPv6 have 1280 or more (RFC 8200)`]
      : []),
  ];
}

function bridgeName(parent: string | undefined, vlan: Vlan | undefined): string {
  return vlan === undefined ? `br-${parent}`.slice(0, LINK_NAME_MAX_LENGTH) : `br${vlan}`;
}

function macvlanModeOf(text: string | undefined, isIsolated: boolean): MacvlanMode {
  return MACVLAN_MODES.find((one) => one === text) ?? (isIsolated ? 'private' : 'bridge');
}

/** libnetwork's own network options. It applies them itself for every driver. */
const LIBNETWORK_OPTION = /^com\.docker\.network\.advertise_addr_(nmsgs|ms)$/;

/**
 * @param given the `-o` map (`com.docker.network.generic` of CreateNetwork), or the `--ipam-opt`
 * map.
 * @param flag the flag before each of them, and a blank.
 * @param missingParent the sentence for a missing parent.
 * @throws PluginError INVALID_OPTION naming every mistake.
 */
export function parseNetworkOptions(
  given: Readonly<Record<string, unknown>>,
  flag = '-o ',
  missingParent = noParent(flag),
): NetworkOptions {
  const own = Object.fromEntries(
    Object.entries(given).filter(([key]) => !LIBNETWORK_OPTION.test(key)),
  );
  const problems = [...findProblems(flag, NETWORK_OPTIONS, own)];
  const text = (key: keyof typeof NETWORK_OPTIONS) => textOf(own, key);
  const parent = text('parent');
  if (parent === undefined) problems.unshift(missingParent);
  const mode = MODES_TO_TYPE.find((one) => one === text('mode')) ?? 'bridge';
  problems.push(...strangers(flag, mode, own));
  const vlan = parseVlan(text('vlan') ?? '', text('outer'));
  if (text('outer') !== undefined && typeof vlan !== 'string') {
    problems.push(
      `${flag}outer= is the kind of the first of two tags; type both, such as ${flag}vlan=10.500, or leave it out`,
    );
  }
  const isIsolated = text('isolate') === 'true';
  if (isIsolated && !['private', undefined].includes(text('macvlan_mode'))) {
    problems.push(`${flag}isolate=true means macvlan_mode=private; leave one of the two out`);
  }
  const macvlanMode = macvlanModeOf(text('macvlan_mode'), isIsolated);
  const hostAccess = text('host_access') === 'true';
  if (hostAccess && mode === 'macvlan' && macvlanMode !== 'bridge') {
    problems.push(
      `${flag}host_access=true needs macvlan_mode=bridge: the host is one more macvlan link, and with ${isIsolated ? 'isolate=true' : `macvlan_mode=${macvlanMode}`} the kernel passes nothing to it; leave one of the two out`,
    );
  }
  if (text('dns_instead_of') !== undefined && text('dns') !== 'lease') {
    problems.push(
      `${flag}dns_instead_of= belongs to dns=lease; type ${flag}dns=lease, or leave it out`,
    );
  }
  if (ipv6ModeOf(text('ipv6')) !== undefined) problems.push(...withoutIpv6(flag, mode, text));
  const ipv4 = text('ipv4') !== 'off';
  if (!ipv4) problems.push(...withoutIpv4(flag, text));
  problems.push(...siteProblems(flag, mode, text));
  refuse(problems);
  const mtu = text('mtu');
  return {
    parent: parent ?? '',
    vlan,
    mode,
    bridge: mode === 'bridge' ? (text('bridge') ?? bridgeName(parent, vlan)) : undefined,
    uplink: undefined,
    macvlanMode: mode === 'macvlan' ? macvlanMode : undefined,
    isolate: isIsolated,
    hostAccess,
    mtu: mtu === undefined ? undefined : Number(mtu),
    leaseTimeoutMs: Number((text('lease_timeout') ?? '20').replace(/s$/, '')) * 1000,
    acd: ACD_MODES.find((mode) => mode === text('acd')) ?? 'optimistic',
    dhcpServers: parseAddresses(text('dhcp_server') ?? '') ?? [],
    rapidCommit: text('rapid_commit') === 'true',
    serverId: text('server_id') === 'lenient' ? 'lenient' : 'strict',
    releaseAfterMs: parseRelease(text('release')),
    onExpiry: text('on_expiry') === 'keep' ? 'keep' : 'remove',
    onNoServer: NO_SERVER_MODES.find((one) => one === text('on_no_server')) ?? 'fail',
    dns: text('dns') === 'lease' ? 'lease' : 'docker',
    dnsInsteadOf: parseServers(text('dns_instead_of') ?? '') ?? [],
    guard: parseGuard(text('guard')) ?? 'mac',
    onConflict: text('on_conflict') === 'leave' ? 'leave' : 'defend',
    ipv4,
    ipv6: ipv6ModeOf(text('ipv6')),
    ipv6PatienceMs: Number((text('ipv6_patience') ?? '1').replace(/s$/, '')) * 1000,
    ...siteOptionsOf(text),
  };
}
