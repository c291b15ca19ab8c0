/**
 * The options after `-o` of a network: key, check, default and help text. A test compares
 * docs/options.md with the table.
 */
import { MACVLAN_MODES, type AttachmentMode } from '../vocabulary/attachment.ts';
import { IPV6_MODES } from '../vocabulary/ipv6/addressing.ts';
import { isLinkName, LINK_NAME_RULE } from '../vocabulary/link-name.ts';
import { GUARD_MODES } from '../vocabulary/port-rules.ts';
import { OUTER_TAGS, parseVlan } from '../vocabulary/vlan-tags.ts';
import type { OptionSpec } from './option-table.ts';
import { SITE_OPTIONS } from './site/site-option-table.ts';
import {
  choiceProblem,
  numberProblem,
  parseAddresses,
  parseRelease,
  parseServers,
} from './option-values.ts';

/** `vlan-bridge` is found out: it is `bridge` on an operator's bridge that filters VLANs. */
export const MODES_TO_TYPE = [
  'bridge',
  'macvlan',
  'ipvlan',
] as const satisfies readonly AttachmentMode[];

export type ServerIdMode = (typeof SERVER_ID_MODES)[number];
export const SERVER_ID_MODES = ['strict', 'lenient'] as const;

/** RFC 5227 probes: during the container's start, before it (two or three probes), or never. */
export type AcdMode = (typeof ACD_MODES)[number];
export const ACD_MODES = ['optimistic', 'fast', 'full', 'off'] as const;

export type NoServerMode = (typeof NO_SERVER_MODES)[number];
export const NO_SERVER_MODES = ['fail', 'late', 'link-local'] as const;

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
    value: '`fail`, `late`, `link-local`',
    default: '`fail`',
    help: 'no server answers while a container starts: `fail` refuses the start, `late` starts it without an address and adds the address later, `link-local` gives it an address of 169.254.0.0/16 until then (RFC 3927)',
    problem: (text) => choiceProblem(text, NO_SERVER_MODES),
  },
  dns: {
    value: '`docker`, `lease`',
    default: '`docker`',
    help: 'which DNS servers answer for names that Docker does not know: those that Docker asks, or those of the lease in their place; [DNS](dns.md) says what Docker needs for `lease`',
    problem: (text) => choiceProblem(text, ['docker', 'lease']),
  },
  dns_instead_of: {
    value: 'ADDRESS[,ADDRESS…]',
    default: "those of the host's `/etc/resolv.conf`",
    help: 'the DNS servers whose place the servers of the lease take, each by one of its own family; only with `dns=lease`',
    problem: (text) =>
      parseServers(text) === undefined ? 'is not a list of IPv4 and IPv6 addresses' : undefined,
  },
  guard: {
    value: '`off`, `mac`, `full`',
    default: '`mac`',
    help: 'what the host drops of the frames of a container: `mac` other MACs, VLAN tags, BPDUs, DHCP answers and router advertisements; `full` also addresses of IPv4 and IPv6 that are not its own',
    problem: (text) => choiceProblem(text, GUARD_MODES),
  },
  ipv4: {
    value: '`on`, `off`',
    default: '`on`; with `--ipv4=false` `off`',
    help: '`off`: containers get no IPv4 address, and no DHCPv4 server is asked; needs `ipv6=`; [IPv6 alone](ipv6.md#ipv6-alone)',
    problem: (text) => choiceProblem(text, ['on', 'off']),
  },
  ipv6: {
    value: '`off`, `auto`, `slaac`, `dhcp`',
    default: '`off`; with `--ipv6` `auto`',
    help: "where containers get an IPv6 address: `auto` what the routers of the VLAN say, `slaac` from a router's prefix, `dhcp` from a DHCPv6 server; [IPv6](ipv6.md)",
    problem: (text) =>
      choiceProblem(text === 'true' || text === 'false' ? 'off' : text, ['off', ...IPV6_MODES]),
  },
  ipv6_patience: {
    value: '0s–20s',
    default: '1s',
    help: 'how long a start waits for the IPv6 address, once it has the IPv4 one, or for more of IPv6 with `ipv4=off`; a later address is added to the running container',
    problem: (text) => numberProblem(text.replace(/s$/, ''), 0, 20, 'a number of seconds'),
  },
  on_conflict: {
    value: '`defend`, `leave`',
    default: '`defend`',
    help: "another host uses a running container's address: `defend` keeps it and announces it again, `leave` declines it and leases another (RFC 5227 §2.4)",
    problem: (text) => choiceProblem(text, ['defend', 'leave']),
  },
  ...SITE_OPTIONS,
} as const satisfies Record<string, OptionSpec>;
