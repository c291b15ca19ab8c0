/** Judges which DHCP servers answer on the segments of the networks (pure). */
import type { NetworkOptions } from '../options/options.ts';
import { segmentOf } from '../state/records.ts';
import { fail, ok, warn, type Finding } from './finding.ts';

/** What one server offered on one VLAN. */
export interface OfferFact {
  /** 0 is the VLAN without a tag. */
  readonly vlan: number;
  readonly server: string;
  readonly serverMac: string;
  readonly askedVlan: number | undefined;
}

export interface SegmentFacts {
  readonly options: Pick<NetworkOptions, 'parent' | 'vlan'>;
  /** Undefined if any server counts (`dhcp_server=`). */
  readonly allowed: readonly string[];
  /** Servers that leases of this host are from, and the MAC that answers for each by ARP now. */
  readonly known: readonly { readonly server: string; readonly answersAs: string | undefined }[];
}

export interface ParentFacts {
  readonly parent: string;
  /** Why the trunk could not be asked. */
  readonly trouble: string | undefined;
  readonly offers: readonly OfferFact[];
  /** The VLANs of which ARP frames came in meanwhile. */
  readonly heard: readonly number[];
  readonly segments: readonly SegmentFacts[];
}

export function judgeSegments(parents: readonly ParentFacts[]): Finding[] {
  return parents.flatMap((facts) => {
    const { parent, trouble, segments } = facts;
    if (trouble === undefined)
      return segments.map((segment) => named(judgeSegment(segment, facts)));
    const mend = `ip -d link show ${parent}`;
    return [warn('dhcp', parent, `no VLAN of ${parent} could be asked: ${trouble}`, mend)];
  });
}

/** Each text names its segment, because people read it without the subject. */
function named(finding: Finding): Finding {
  return { ...finding, text: `${finding.subject}: ${finding.text}` };
}

function judgeSegment(segment: SegmentFacts, { parent, offers, heard }: ParentFacts): Finding {
  const subject = segmentOf(segment.options);
  const vlan = vlanNumber(segment.options.vlan);
  const own = offers.filter((offer) => offer.vlan === vlan);
  const stray = own.find(({ askedVlan }) => askedVlan !== undefined);
  const seen = `tcpdump -e -n -i ${parent} ${vlan === 0 ? '' : `vlan ${vlan} and `}udp port 67`;
  if (stray !== undefined) {
    const text = `a question on VLAN ${String(stray.askedVlan)} is answered on VLAN ${vlan} by ${stray.server}: the two VLANs are joined somewhere`;
    return fail('dhcp', subject, text, `look on the switch for a port that is in both VLANs: ${seen}`); // prettier-ignore
  }
  const counting = own.filter(({ server }) => counts(server, segment.allowed));
  if (counting.length > 1) {
    const list = counting.map(({ server, serverMac }) => `${server} (${serverMac})`).join(' and ');
    const text = `${counting.length} DHCP servers answer: ${list}`;
    const mend = `find the one that is wrong by its MAC, or make the network with -o dhcp_server=${counting[0]?.server ?? ''}`;
    return warn('dhcp', subject, text, mend);
  }
  if (counting.length === 1) {
    return ok('dhcp', subject, `server ${counting[0]?.server ?? ''} offers an address`);
  }
  if (own.length > 0) {
    const text = `only ${own.map(({ server }) => server).join(', ')} answers, and dhcp_server= names ${segment.allowed.join(', ')}`;
    return fail('dhcp', subject, text, `make the network with another dhcp_server=, or see why that server is silent: ${seen}`); // prettier-ignore
  }
  return judgeSilence(segment, subject, vlan, { offers, heard, seen });
}

function judgeSilence(
  { known }: SegmentFacts,
  subject: string,
  vlan: number,
  { offers, heard, seen }: Pick<ParentFacts, 'offers' | 'heard'> & { seen: string },
): Finding {
  const there = known.find(({ answersAs }) => answersAs !== undefined);
  if (there !== undefined) {
    const text = `server ${there.server} is there (${String(there.answersAs)}) and offers no address: its pool is exhausted, or it serves known MACs only`;
    return warn('dhcp', subject, text, `enlarge the pool of ${there.server}, or see its log; what this host holds: docker vlandhcp leases`); // prettier-ignore
  }
  const others = [...new Set(offers.map((offer) => offer.vlan))].filter((other) => other !== vlan);
  if (others.length > 0 && known.length === 0) {
    const text = `no DHCP server answers, and on ${list(others)} one does: the tag is probably wrong`;
    return fail('dhcp', subject, text, `make the network with -o vlan= of the right VLAN, or let the switch port carry this one: ${seen}`); // prettier-ignore
  }
  const tags = heard.filter((other) => other !== 0);
  if (vlan !== 0 && tags.length > 0 && known.length === 0) {
    const text = heard.includes(vlan)
      ? 'no DHCP server answers, and hosts of this VLAN are heard: its server or relay is missing'
      : `no DHCP server answers, and no host of this VLAN is heard, but hosts of ${list(tags)}: the tag is probably wrong, or the port does not carry it`;
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

function list(vlans: readonly number[]): string {
  const names = vlans.map((vlan) => (vlan === 0 ? 'the untagged VLAN' : `VLAN ${vlan}`));
  const more = names.length > MOST_LISTED ? `, and ${names.length - MOST_LISTED} more` : '';
  return names.slice(0, MOST_LISTED).join(', ') + more;
}

function counts(server: string, allowed: readonly string[]): boolean {
  return allowed.length === 0 || allowed.includes(server);
}

/** @returns 0 for the VLAN without a tag. A segment with two tags is never asked. */
export function vlanNumber(vlan: NetworkOptions['vlan']): number {
  return typeof vlan === 'number' ? vlan : 0;
}
