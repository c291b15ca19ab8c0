/** Judges which routers and DHCPv6 servers the segments of networks with IPv6 have (pure). */
import type { Ipv6Survey, RouterFact, Server6Fact } from '../leasing/survey/ipv6-survey.ts';
import type { NetworkOptions } from '../options/options.ts';
import { segmentOf } from '../state/records.ts';
import { fail, ok, warn, type Finding } from './finding.ts';

export interface Ipv6SegmentFacts {
  readonly options: Pick<NetworkOptions, 'parent' | 'vlan'>;
  /** The modes of the networks on the segment. */
  readonly modes: readonly NonNullable<NetworkOptions['ipv6']>[];
  /** The link that hears the segment. */
  readonly link: string;
  /** A sentence instead if the segment could not be asked. */
  readonly survey: Ipv6Survey | string;
}

export function judgeIpv6(segments: readonly Ipv6SegmentFacts[]): Finding[] {
  return segments.flatMap((segment) => {
    const subject = segmentOf(segment.options);
    const findings = judgeSegment(segment);
    return findings.map((one) => ({ ...one, subject, text: `${subject}: ${one.text}` }));
  });
}

function judgeSegment({ modes, link, survey }: Ipv6SegmentFacts): Finding[] {
  if (typeof survey === 'string') {
    const text = `routers and DHCPv6 servers could not be asked: ${survey}`;
    return [warn('ipv6', link, text, `ip -d link show ${link}`)];
  }
  const { routers, servers } = survey;
  const wrong = [
    ...judgeRouters(modes, routers, link),
    ...judgeServers(modes, survey, link),
    ...judgeAddresses(modes, survey, link),
  ];
  if (wrong.length > 0) return wrong;
  const told = [
    ...routers.map((one) => `router ${one.address} tells ${one.prefixes.join(' and ') || 'no prefix'}`), // prettier-ignore
    ...servers.filter(isOffering).map(({ address }) => `DHCPv6 server ${address} offers an address`), // prettier-ignore
  ];
  return [ok('ipv6', link, told.join('; '))];
}

const SEE = (link: string) => `tcpdump -e -n -v -i ${link} 'icmp6 or udp port 547'`;

function judgeRouters(
  modes: Ipv6SegmentFacts['modes'],
  routers: readonly RouterFact[],
  link: string,
): Finding[] {
  const leading = routers.filter(({ isDefault }) => isDefault);
  if (leading.length === 0) {
    // A server's address alone has no way out.
    const say = modes.includes('slaac') ? fail : warn;
    const text =
      routers.length === 0
        ? 'no router advertises, so containers get no default route for IPv6'
        : `router ${routers[0]?.address ?? ''} says that it is no default router`;
    return [say('ipv6', link, text, `switch on router advertisements on the router of this VLAN: ${SEE(link)}`)]; // prettier-ignore
  }
  const [first, ...others] = leading;
  const odd = others.find((one) => describe(one) !== describe(first!));
  if (first === undefined || odd === undefined) return [];
  const text = `2 routers tell different things: ${named(first)} ${describe(first)}, and ${named(odd)} ${describe(odd)}`;
  return [warn('ipv6', link, text, `find the one that is wrong by its MAC: ${SEE(link)}`)];
}

/** What a host makes of an advertisement. Routers that tell the same serve side by side. */
function describe({ prefixes, isManaged }: RouterFact): string {
  const prefix = prefixes.join(' and ') || 'no prefix';
  return isManaged ? `${prefix} with flag M` : prefix;
}

function named({ address, mac }: RouterFact | Server6Fact): string {
  return `${address} (${mac})`;
}

function isOffering({ hasAddress }: Server6Fact): boolean {
  return hasAddress;
}

function judgeServers(
  modes: Ipv6SegmentFacts['modes'],
  { routers, servers }: Ipv6Survey,
  link: string,
): Finding[] {
  const managed = routers.find(({ isManaged }) => isManaged);
  const isAsked = modes.includes('dhcp') || (modes.includes('auto') && managed !== undefined);
  if (!isAsked) return [];
  const offering = servers.filter(isOffering);
  if (offering.length > 1) {
    const text = `${offering.length} DHCPv6 servers offer addresses: ${offering.map(named).join(' and ')}`;
    return [warn('ipv6', link, text, `find the one that is wrong by its MAC: ${SEE(link)}`)];
  }
  if (offering.length === 1) return [];
  const why = modes.includes('dhcp')
    ? 'ipv6=dhcp needs one'
    : `router ${String(managed?.address)} tells hosts to ask one (flag M)`;
  const [server] = servers;
  if (server !== undefined) {
    const text = `DHCPv6 server ${named(server)} offers no address, and ${why}: its pool is exhausted, or it serves known clients only`;
    return [warn('ipv6', link, text, `enlarge the pool of ${server.address}, or see its log`)];
  }
  const text = `no DHCPv6 server answers, and ${why}`;
  return [fail('ipv6', link, text, `start the DHCPv6 server or relay of this VLAN: ${SEE(link)}`)];
}

function judgeAddresses(
  modes: Ipv6SegmentFacts['modes'],
  { routers }: Ipv6Survey,
  link: string,
): Finding[] {
  const has = (what: (router: RouterFact) => boolean) => routers.some(what);
  if (routers.length === 0 || has(({ prefixes }) => prefixes.length > 0)) return [];
  const isSlaac = modes.includes('slaac');
  if (!isSlaac && (!modes.includes('auto') || has(({ isManaged }) => isManaged))) return [];
  const text = `router ${routers[0]?.address ?? ''} tells no prefix of which containers may make an address (flag A)`; // prettier-ignore
  const mend = `let the router advertise a prefix with flag A, or make the network with -o ipv6=dhcp: ${SEE(link)}`; // prettier-ignore
  return [fail('ipv6', link, text, mend)];
}
