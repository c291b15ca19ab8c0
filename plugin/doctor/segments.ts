/** Judges which DHCP servers answer on the segments of the networks (pure). */
import type { NetworkOptions } from '../options/options.ts';
import { segmentOf } from '../state/records.ts';
import { tagsOf } from '../vocabulary/vlan-tags.ts';
import { fail, ok, warn, type Finding } from './finding.ts';

/** What one server offered on one VLAN. */
export interface OfferFact {
  /** The inner VLAN, if there are two tags. 0 is the one without a tag. */
  readonly vlan: number;
  readonly server: string;
  readonly serverMac: string;
  readonly askedVlan: number | undefined;
}

export interface SegmentFacts {
  readonly options: Pick<NetworkOptions, 'parent' | 'vlan'>;
  /** `dhcp_server=`. Empty if any server counts. */
  readonly allowed: readonly string[];
  /** `dhcp_deny=` */
  readonly denied: readonly string[];
  /** Servers that leases of this host are from, and the MAC that answers for each by ARP now. */
  readonly known: readonly { readonly server: string; readonly answersAs: string | undefined }[];
}

/** A link on which frames with one tag, or none, reach the segments. */
export interface TrunkFacts {
  readonly link: string;
  /** The tag that the link adds to all of them. Undefined: none. */
  readonly outerVlan: number | undefined;
  /** Why the trunk could not be asked. */
  readonly trouble: string | undefined;
  readonly offers: readonly OfferFact[];
  /** The VLANs of which ARP frames came in meanwhile. */
  readonly heard: readonly number[];
  readonly segments: readonly SegmentFacts[];
}

export function judgeSegments(trunks: readonly TrunkFacts[]): Finding[] {
  return trunks.flatMap((facts) => {
    const { link, trouble, segments } = facts;
    if (trouble === undefined)
      return segments.map((segment) => named(judgeSegment(segment, facts)));
    const mend = `ip -d link show ${link}`;
    return [warn('dhcp', link, `no VLAN of ${link} could be asked: ${trouble}`, mend)];
  });
}

/** Each text names its segment, because people read it without the subject. */
function named(finding: Finding): Finding {
  return { ...finding, text: `${finding.subject}: ${finding.text}` };
}

function judgeSegment(segment: SegmentFacts, trunk: TrunkFacts): Finding {
  const { link, offers } = trunk;
  const subject = segmentOf(segment.options);
  const vlan = innerVlan(segment.options.vlan);
  const nameOf = (one: number) => list([one], trunk);
  const own = offers.filter((offer) => offer.vlan === vlan);
  const stray = own.find(({ askedVlan }) => askedVlan !== undefined);
  const seen = `tcpdump -e -n -i ${link} ${vlan === 0 ? '' : `vlan ${vlan} and `}udp port 67`;
  if (stray !== undefined) {
    const text = `a question on ${nameOf(stray.askedVlan ?? 0)} is answered on ${nameOf(vlan)} by ${stray.server}: the two VLANs are joined somewhere`;
    return fail('dhcp', subject, text, `look on the switch for a port that is in both VLANs: ${seen}`); // prettier-ignore
  }
  const counting = own.filter(({ server }) => counts(server, segment));
  const named = counting.map(({ server }) => server).join(',');
  if (counting.length > 1 && segment.allowed.length === 0) {
    const servers = counting.map(({ server, serverMac }) => `${server} (${serverMac})`);
    const text = `${counting.length} DHCP servers answer: ${servers.join(' and ')}`;
    const mend = `find the one that is wrong by its MAC; if all are right, make the network with -o dhcp_server=${named}`;
    return warn('dhcp', subject, text, mend);
  }
  if (counting.length > 1) {
    const text = `servers ${named.replaceAll(',', ', ')} offer an address, as dhcp_server= names them`;
    return ok('dhcp', subject, text);
  }
  if (counting.length === 1) return ok('dhcp', subject, `server ${named} offers an address`);
  if (own.length > 0) {
    const { allowed, denied } = segment;
    const rule =
      allowed.length > 0
        ? `dhcp_server= names ${allowed.join(', ')}`
        : `dhcp_deny= names ${denied.join(', ')}`;
    const text = `only ${own.map(({ server }) => server).join(', ')} answers, and ${rule}`;
    return fail('dhcp', subject, text, `make the network with another dhcp_server= or dhcp_deny=, or see why the right server is silent: ${seen}`); // prettier-ignore
  }
  return judgeSilence(segment, subject, vlan, { ...trunk, seen });
}

function judgeSilence(
  { known }: SegmentFacts,
  subject: string,
  vlan: number,
  { seen, ...trunk }: TrunkFacts & { seen: string },
): Finding {
  const { offers, heard } = trunk;
  const there = known.find(({ answersAs }) => answersAs !== undefined);
  if (there !== undefined) {
    const text = `server ${there.server} is there (${String(there.answersAs)}) and offers no address: its pool is exhausted, or it serves known MACs only`;
    return warn('dhcp', subject, text, `enlarge the pool of ${there.server}, or see its log; what this host holds: docker vlandhcp leases`); // prettier-ignore
  }
  const others = [...new Set(offers.map((offer) => offer.vlan))].filter((other) => other !== vlan);
  if (others.length > 0 && known.length === 0) {
    const text = `no DHCP server answers, and on ${list(others, trunk)} one does: the tag is probably wrong`;
    return fail('dhcp', subject, text, `make the network with -o vlan= of the right VLAN, or let the switch port carry this one: ${seen}`); // prettier-ignore
  }
  const tags = heard.filter((other) => other !== 0);
  if (vlan !== 0 && tags.length > 0 && known.length === 0) {
    const text = heard.includes(vlan)
      ? 'no DHCP server answers, and hosts of this VLAN are heard: its server or relay is missing'
      : `no DHCP server answers, and no host of this VLAN is heard, but hosts of ${list(tags, trunk)}: the tag is probably wrong, or the port does not carry it`;
    return fail('dhcp', subject, text, `make the network with -o vlan= of the right VLAN, or start the server or relay of this one: ${seen}`); // prettier-ignore
  }
  const before = known[0]?.server;
  const text =
    before === undefined
      ? 'no DHCP server answers'
      : `no DHCP server answers, and ${before}, which leased here before, does not answer by ARP: the server is down, or the VLAN does not reach this port`;
  return fail('dhcp', subject, text, `start the server or relay of this VLAN, and let the switch port carry the VLAN: ${seen}`); // prettier-ignore
}

const MOST_LISTED = 10;

function list(vlans: readonly number[], { outerVlan }: Pick<TrunkFacts, 'outerVlan'>): string {
  const isOuter = outerVlan !== undefined;
  const untagged = isOuter ? `VLAN ${outerVlan} without a second tag` : 'the untagged VLAN';
  const names = vlans.map((vlan) =>
    vlan === 0 ? untagged : `VLAN ${isOuter ? `${outerVlan}.` : ''}${vlan}`,
  );
  const more = names.length > MOST_LISTED ? `, and ${names.length - MOST_LISTED} more` : '';
  return names.slice(0, MOST_LISTED).join(', ') + more;
}

function counts(
  server: string,
  { allowed, denied }: Pick<SegmentFacts, 'allowed' | 'denied'>,
): boolean {
  return !denied.includes(server) && (allowed.length === 0 || allowed.includes(server));
}

/** @returns the last tag. 0 for the VLAN without one. */
export function innerVlan(vlan: NetworkOptions['vlan']): number {
  return tagsOf(vlan).at(-1)?.id ?? 0;
}
