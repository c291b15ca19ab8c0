/**
 * Gathers which DHCP servers answer on the segments of networks. It sends DISCOVER, which leases
 * nothing, and ARP probes.
 */
import type { Host } from '../../host.ts';
import { vlansNear } from '../../leasing/segment/nearby-vlans.ts';
import type { SegmentInquiry } from '../../leasing/segment/segment-inquiry.ts';
import type { TrunkQuestion, VlanAnswer } from '../../leasing/segment/trunk-probe.ts';
import { speakerOf } from '../../state/attachments/attachments.ts';
import { segmentOf, type NetworkRecord } from '../../state/records.ts';
import type { Registry } from '../../state/registry.ts';
import { PluginError } from '../../vocabulary/errors.ts';
import { tagsOf } from '../../vocabulary/vlan-tags.ts';
import { innerVlan, type SegmentFacts, type TrunkFacts } from '../segments.ts';

export interface SegmentSources {
  readonly registry: Pick<Registry, 'leases' | 'findScope'>;
  readonly host: Pick<Host, 'linkMac'>;
  readonly probe: (question: TrunkQuestion) => Promise<readonly VlanAnswer[]>;
  readonly inquiry: Pick<SegmentInquiry, 'wearer'>;
}

/** With all that servers offered. */
type GatheredTrunk = TrunkFacts & { readonly offers: readonly VlanAnswer[] };

/** Each is asked twice, at 256 in a second. */
const MOST_VLANS = 128;
const MOST_SERVERS = 4;

/** @returns a trunk for each link on which a frame with one tag, or none, reaches segments. */
export function gatherSegments(
  networks: readonly NetworkRecord[],
  sources: SegmentSources,
): Promise<readonly GatheredTrunk[]> {
  const byLink = new Map<string, NetworkRecord[]>();
  for (const network of networks) {
    if (!network.options.ipv4) continue;
    const link = trunkOf(network);
    byLink.set(link, [...(byLink.get(link) ?? []), network]);
  }
  return Promise.all([...byLink].map(([link, own]) => trunkFacts(link, own, sources)));
}

/**
 * With two tags the link of the outer one is the trunk. An operator's bridge that filters VLANs
 * would pass on only those that the host is in, so its port to the trunk is asked.
 */
export function trunkOf({ options, outerLink }: NetworkRecord): string {
  return outerLink ?? options.uplink ?? options.parent;
}

async function trunkFacts(
  link: string,
  networks: readonly NetworkRecord[],
  sources: SegmentSources,
): Promise<GatheredTrunk> {
  // Several networks may share a VLAN.
  const own = [...new Map(networks.map((one) => [one.options.vlan, one])).values()];
  const heard = new Set<number>();
  const onTag = (vlan: number) => void heard.add(vlan);
  let [offers, trouble]: [readonly VlanAnswer[], string | undefined] = [[], undefined];
  try {
    const vlans = vlansToAsk(own.map(({ options }) => innerVlan(options.vlan)));
    const signal = new AbortController().signal;
    offers = await sources.probe({ parent: link, vlans, signal, onTag });
  } catch (error) {
    if (!(error instanceof PluginError)) throw error;
    trouble = error.message;
  }
  const segments = await Promise.all(own.map((record) => segmentFacts(record, offers, sources)));
  const [outer] = tagsOf(own[0]?.options.vlan).slice(0, -1);
  const byNumber = [...heard].sort((a, b) => a - b);
  return { link, outerVlan: outer?.id, trouble, offers, heard: byNumber, segments };
}

async function segmentFacts(
  network: NetworkRecord,
  offers: readonly VlanAnswer[],
  { registry, host, inquiry }: SegmentSources,
): Promise<SegmentFacts> {
  const { options } = network;
  const facts = { options, allowed: options.dhcpServers, denied: options.dhcpDeny };
  if (offers.some(({ vlan }) => vlan === innerVlan(options.vlan))) return { ...facts, known: [] };
  const here = segmentOf(options);
  const servers = registry.leases().flatMap(({ scopeId, lease }) => {
    const isHere = registry.findScope(scopeId)?.segment === here;
    return isHere && lease !== undefined ? [lease.serverId] : [];
  });
  const link = speakerOf(network);
  const mac = host.linkMac(link);
  const known = [...new Set(servers)].slice(0, MOST_SERVERS).map(async (server) => ({
    server,
    answersAs: mac && (await inquiry.wearer(link, mac, server)),
  }));
  return { ...facts, known: await Promise.all(known) };
}

/** A wrong tag is often a typing error. So the VLANs near that of a network are asked, too. */
function vlansToAsk(own: readonly number[]): number[] {
  const near = own.filter((vlan) => vlan > 0).flatMap((vlan) => vlansNear(vlan, []));
  return [...new Set([...own, 0, ...near])].slice(0, Math.max(MOST_VLANS, own.length));
}
