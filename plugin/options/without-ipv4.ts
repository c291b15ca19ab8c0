/** Which options a network without IPv4 cannot have (`ipv4=off`), and what to do then. */
import { IPV6_MODES, type Ipv6Mode } from '../vocabulary/ipv6/addressing.ts';

/** Options that act on DHCPv4, or on an IPv4 address, alone. */
const OF_DHCPV4 = [
  ...([
    'on_expiry',
    'on_conflict',
    'server_id',
    'client_id',
    'vendor_class',
    'user_class',
  ] as const),
  ...(['dhcp_deny', 'gateway', 'routes', 'request', 'on_change'] as const),
] as const;

type Key = 'ipv6' | 'host_access' | 'dhcp_server' | 'on_no_server' | (typeof OF_DHCPV4)[number];

/** `true` means `auto`, as other drivers spell it. */
export function ipv6ModeOf(text: string | undefined): Ipv6Mode | undefined {
  return text === 'true' ? 'auto' : IPV6_MODES.find((one) => one === text);
}

/** Why a network cannot be without IPv4. What is left would have no effect, so it is refused. */
export function withoutIpv4(flag: string, text: (key: Key) => string | undefined): string[] {
  const what = `${flag}ipv4=off`;
  const idle = OF_DHCPV4.filter((key) => text(key) !== undefined).map((key) => `${key}=`);
  return [
    ...(ipv6ModeOf(text('ipv6')) === undefined
      ? [`${what} leaves containers without any address; type ${flag}ipv6=auto beside it`]
      : []),
    ...(text('host_access') === 'true'
      ? [`${what} leaves no lease for host_access=true, which is IPv4's; leave one of the two out`]
      : []),
    ...(text('dhcp_server') === undefined
      ? []
      : [
          `${what} leaves no server for dhcp_server=, which is of DHCPv4; leave one of the two out`,
        ]),
    ...(text('on_no_server') === 'link-local'
      ? [
          `${what} leaves no use for on_no_server=link-local, whose address is IPv4's; type ${flag}on_no_server=late instead`,
        ]
      : []),
    ...(idle.length === 0
      ? []
      : [
          `${what} leaves nothing for ${listOf(idle)} to act on: ${idle.length === 1 ? 'it is' : 'they are'} about IPv4; leave ${idle.length === 1 ? 'it' : 'them'} out, or leave out ipv4=off`,
        ]),
  ];
}

/** `a, b and c`. */
function listOf(words: readonly string[]): string {
  const before = words.slice(0, -1).join(', ');
  return before === '' ? words.join('') : `${before} and ${words.at(-1) ?? ''}`;
}
