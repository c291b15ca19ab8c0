/**
 * Rules of nftables for the size of TCP segments (U8, pure). A segment fills one packet of
 * WireGuard, so bulk traffic is never cut. The hub sees both ends of each connection, so it alone
 * does it. A rule makes the size smaller, never larger.
 */
import { TUNNEL_MTU } from '../../uplink/desired.ts';
import type { HubMember } from '../desired.ts';

/** Outer IPv4, UDP, VXLAN, inner Ethernet with its tag. */
const AROUND_A_PACKET = 20 + 8 + 8 + 18;
const IPV4_TCP = 40;
const IPV6_TCP = 60;

/** True if less passes on the way to the member than the tunnel has. */
export function isNarrow(member: HubMember): member is HubMember & { readonly pathMtu: number } {
  return (member.pathMtu ?? TUNNEL_MTU) < TUNNEL_MTU;
}

/** The chain for all members, and one for each member with a narrow way. */
export function clampChains(members: readonly HubMember[]): readonly string[] {
  return [
    ...chain('clamp', TUNNEL_MTU),
    ...members.filter(isNarrow).flatMap((member) => chain(chainOf(member), member.pathMtu)),
  ];
}

/**
 * Sends what goes through the ports to those chains.
 * @param direction the side on which the port of a member is.
 * @param portOf the beginning of the names of a member's ports.
 */
export function clampJumps(
  direction: 'iifname' | 'oifname',
  members: readonly HubMember[],
  portOf: (member: HubMember) => string,
): readonly string[] {
  return [
    `${direction} "vdu*" jump clamp`,
    ...members
      .filter(isNarrow)
      .map((member) => `${direction} "${portOf(member)}.*" jump ${chainOf(member)}`),
  ];
}

function chain(name: string, mtu: number): readonly string[] {
  const room = mtu - AROUND_A_PACKET;
  const clamp = (family: string, headers: number) =>
    `ether type ${family} tcp flags & (syn | rst) == syn tcp option maxseg size set ${room - headers}`;
  return [`chain ${name} {`, clamp('ip', IPV4_TCP), clamp('ip6', IPV6_TCP), '}'];
}

function chainOf({ number }: HubMember): string {
  return `clamp_${number}`;
}
