/**
 * The options after `-o` of a network: key, check, default and help text. A test compares
 * docs/options.md with the table. An unknown key or a bad value is refused. One error names all
 * mistakes.
 */
import { MACVLAN_MODES, type AttachmentMode, type MacvlanMode } from '../vocabulary/attachment.ts';
import { isLinkName, LINK_NAME_MAX_LENGTH, LINK_NAME_RULE } from '../vocabulary/link-name.ts';
import { GUARD_MODES, type GuardMode } from '../vocabulary/port-rules.ts';
import type { Ms } from '../vocabulary/time.ts';
import { OUTER_TAGS, parseVlan, type Vlan } from '../vocabulary/vlan-tags.ts';
import { noParent, refuse } from './option-problems.ts';
import { findProblems, textOf, type OptionSpec } from './option-table.ts';
import {
  choiceProblem,
  numberProblem,
  parseAddresses,
  parseGuard,
  parseRelease,
} from './option-values.ts';
import type { Ipv4 } from '../wire/address.ts';

export interface NetworkOptions {
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
  readonly onNoServer: 'fail' | 'late';
  readonly guard: GuardMode;
  readonly onConflict: 'defend' | 'leave';
}

/** `vlan-bridge` is found out: it is `bridge` on an operator's bridge that filters VLANs. */
const MODES_TO_TYPE = ['bridge', 'macvlan', 'ipvlan'] as const satisfies readonly AttachmentMode[];

export type ServerIdMode = (typeof SERVER_ID_MODES)[number];
export const SERVER_ID_MODES = ['strict', 'lenient'] as const;

/** RFC 5227 probes: during the container's start, before it (two or three probes), or never. */
export type AcdMode = (typeof ACD_MODES)[number];
export const ACD_MODES = ['optimistic', 'fast', 'full', 'off'] as const;

const LEASE_TIMEOUT_MAX_SEC = 25;

export const NETWORK_OPTIONS = {
  parent: {
    value: 'LINK',
    default: 'required',
    help: "the host's link to the trunk, as `ip link` shows it (`eth1`, `bond0`)",
    problem: (text) => (isLinkName(text) ? undefined : `is not ${LINK_NAME_RULE}`),
  },
  vlan: {
    value: '1–4094, or `OUTER.INNER`',
    default: 'untagged',
    help: 'the 802.1Q VLAN id; `10.500` is VLAN 500 inside VLAN 10 ([QinQ](modes.md#two-tags-qinq)); without it frames leave the parent untagged',
    problem: (text) =>
      !text.includes('.')
        ? numberProblem(text, 1, 4094, 'a VLAN id')
        : parseVlan(text, undefined) === undefined
          ? 'is not two VLAN ids from 1 to 4094 with a dot between them, such as 10.500'
          : undefined,
  },
  outer: {
    value: '`802.1ad`, `802.1q`',
    default: '`802.1ad`',
    help: 'the kind of the outer tag; only with two tags (`vlan=10.500`)',
    problem: (text) => choiceProblem(text, OUTER_TAGS),
  },
  mode: {
    value: '`bridge`, `macvlan`, `ipvlan`',
    default: '`bridge`',
    help: 'how containers are joined to the VLAN: by a bridge, or by a macvlan or ipvlan (L2) link each; [Modes](modes.md) says which one to take',
    problem: (text) => choiceProblem(text, MODES_TO_TYPE),
  },
  bridge: {
    value: 'LINK',
    default: '`br<vlan>`, untagged `br-<parent>`',
    help: 'the bridge that joins the VLAN link and the containers; made if it is not there; only with `mode=bridge`; [a bridge of your own](modes.md#a-bridge-of-your-own) may filter VLANs',
    problem: (text) => (isLinkName(text) ? undefined : `is not ${LINK_NAME_RULE}`),
  },
  macvlan_mode: {
    value: '`bridge`, `private`, `vepa`',
    default: '`bridge`',
    help: 'how containers of one host reach each other: directly, not at all, or by a switch that sends frames back; only with `mode=macvlan`',
    problem: (text) => choiceProblem(text, MACVLAN_MODES),
  },
  isolate: {
    value: '`true`, `false`',
    default: '`false`',
    help: 'containers of this network on one host do not reach each other; they reach the rest of the VLAN',
    problem: (text) => choiceProblem(text, ['true', 'false']),
  },
  host_access: {
    value: '`true`, `false`',
    default: '`false`',
    help: 'the host gets a link and a leased address of its own, so that host and containers [reach each other](modes.md#the-host-and-its-containers); only with `mode=macvlan` and `macvlan_mode=bridge`',
    problem: (text) => choiceProblem(text, ['true', 'false']),
  },
  mtu: {
    value: '576–65535',
    default: "the parent's",
    help: "MTU of the containers' links; at most the parent's",
    problem: (text) => numberProblem(text, 576, 65535, 'an MTU'),
  },
  lease_timeout: {
    value: '1s–25s',
    default: '20s',
    help: 'how long `docker run` waits for a lease before it fails; dockerd itself gives up at 30 s',
    problem: (text) =>
      numberProblem(text.replace(/s$/, ''), 1, LEASE_TIMEOUT_MAX_SEC, 'a number of seconds'),
  },
  acd: {
    value: 'MODE',
    default: '`optimistic`',
    help: 'when the plugin probes that nobody else has the address (RFC 5227): `optimistic` while the container starts, `fast` (0.4 s) or `full` (4–7 s) before the start, `off` never',
    problem: (text) => choiceProblem(text, ACD_MODES),
  },
  dhcp_server: {
    value: 'ADDRESS[,ADDRESS…]',
    default: 'any',
    help: 'the DHCP servers whose offers count; others are ignored and reported',
    problem: (text) =>
      parseAddresses(text) === undefined ? 'is not a list of IPv4 addresses' : undefined,
  },
  rapid_commit: {
    value: '`true`, `false`',
    default: '`false`',
    help: 'ask for the lease in one round trip (RFC 4039), where the server does that',
    problem: (text) => choiceProblem(text, ['true', 'false']),
  },
  server_id: {
    value: '`strict`, `lenient`',
    default: '`strict`',
    help: 'messages without a usable server identifier (option 54): `strict` ignores them, `lenient` uses the IP address of their sender instead',
    problem: (text) => choiceProblem(text, SERVER_ID_MODES),
  },
  release: {
    value: '`hold=DURATION`, `now`, `never`',
    default: '`hold=24h`; by a name from Docker `hold=10m`',
    help: 'what happens to a lease when its container is gone: the plugin holds it for DURATION and then gives it back (`hold`), gives it back at once (`now`), or lets it end by itself (`never`)',
    problem: (text) =>
      parseRelease(text) === undefined
        ? 'is not now, never or hold= and a duration such as 90s, 10m, 2h'
        : undefined,
  },
  on_expiry: {
    value: '`remove`, `keep`',
    default: '`remove`',
    help: 'a lease ended because no server renewed it: `remove` takes the address from the running container, `keep` leaves it there',
    problem: (text) => choiceProblem(text, ['remove', 'keep']),
  },
  on_no_server: {
    value: '`fail`, `late`',
    default: '`fail`',
    help: 'no server answers while a container starts: `fail` refuses the start, `late` starts it without an address and adds the address later',
    problem: (text) => choiceProblem(text, ['fail', 'late']),
  },
  guard: {
    value: '`off`, `mac`, `full`',
    default: '`mac`',
    help: 'what the host drops of the frames of a container: `mac` other MACs, VLAN tags, BPDUs, DHCP answers and router advertisements; `full` also other IPv4 addresses, and IPv6',
    problem: (text) => choiceProblem(text, GUARD_MODES),
  },
  on_conflict: {
    value: '`defend`, `leave`',
    default: '`defend`',
    help: "another host uses a running container's address: `defend` keeps it and announces it again, `leave` declines it and leases another (RFC 5227 §2.4)",
    problem: (text) => choiceProblem(text, ['defend', 'leave']),
  },
} as const satisfies Record<string, OptionSpec>;

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
    onNoServer: text('on_no_server') === 'late' ? 'late' : 'fail',
    guard: parseGuard(text('guard')) ?? 'mac',
    onConflict: text('on_conflict') === 'leave' ? 'leave' : 'defend',
  };
}
