/**
 * Gathers whether neighbours answer the MACs of containers, by ARP probes from the link of the
 * segment. The MACs have been on this port before: no switch learns a new one.
 */
import type { Host } from '../../host.ts';
import type { SegmentInquiry } from '../../leasing/segment/segment-inquiry.ts';
import type { VlanAnswer } from '../../leasing/segment/trunk-probe.ts';
import { attachmentOf } from '../../state/attachments/attachments.ts';
import { segmentOf, type NetworkRecord } from '../../state/records.ts';
import type { Registry } from '../../state/registry.ts';
import type { Ipv4, Mac } from '../../wire/address.ts';
import type { MacFacts } from '../macs.ts';
import { innerVlan } from '../segments.ts';
import type { Sights } from './sights.ts';

export interface MacSources {
  readonly registry: Pick<Registry, 'endpoints'>;
  readonly host: Pick<Host, 'linkMac'>;
  readonly inquiry: Pick<SegmentInquiry, 'wearer'>;
  /** The MAC of a container whose last start found no server. */
  readonly unanswered: (segment: string) => Mac | undefined;
  readonly sights: Pick<Sights, 'asContainer' | 'cardDriver'>;
}

type Offer = Pick<VlanAnswer, 'vlan' | 'server' | 'terms'>;

/** Of containers with a lease on a segment. */
const MOST_CONTAINERS = 2;

/** @param offersOn what servers offer on the link of a trunk. It takes seconds to know. */
export async function gatherMacs(
  networks: readonly NetworkRecord[],
  offersOn: (network: NetworkRecord) => Promise<readonly Offer[]>,
  sources: MacSources,
): Promise<readonly MacFacts[]> {
  // The VLAN link on a bridge that filters VLANs does not hear what is for a container.
  const own = networks.filter(
    (network) =>
      network.options.ipv4 &&
      network.options.mode !== 'vlan-bridge' &&
      !attachmentOf(network).isMacShared,
  );
  const bySegment = new Map(own.map((network) => [segmentOf(network.options), network]));
  const facts = [...bySegment].map(async ([segment, network]) => {
    const { parent, vlan } = network.options;
    const link = network.vlanLink ?? parent;
    const here = own.filter(({ options }) => segmentOf(options) === segment).map(({ id }) => id);
    const living = sources.registry
      .endpoints()
      .filter(({ networkId, lease }) => here.includes(networkId) && lease !== undefined)
      .slice(0, MOST_CONTAINERS);
    // With macvlan nothing leaves with the MAC of a container that is gone.
    const failed = network.options.mode === 'bridge' ? sources.unanswered(segment) : undefined;
    const macs = new Set([
      ...(failed === undefined ? [] : [failed]),
      ...living.map(({ mac }) => mac),
    ]);
    const [lease] = living.map((one) => one.lease);
    const mac = sources.host.linkMac(link);
    if (mac === undefined || macs.size === 0) return [];
    const offered = async () => {
      const offer = (await offersOn(network)).find((one) => one.vlan === innerVlan(vlan));
      return offer?.terms.gateway ?? lease?.serverId ?? offer?.server;
    };
    const neighbour = lease?.gateway ?? (await offered());
    if (neighbour === undefined) return [];
    const asked = await ask(link, mac, [...macs], neighbour, sources);
    const driver = sources.sights.cardDriver(parent);
    return [{ segment, parent, driver, neighbour, ...asked }];
  });
  return (await Promise.all(facts)).flat();
}

async function ask(
  link: string,
  own: Mac,
  macs: readonly Mac[],
  neighbour: Ipv4,
  { inquiry, sights }: MacSources,
): Promise<Pick<MacFacts, 'isThere' | 'containers'>> {
  const isThere = (await inquiry.wearer(link, own, neighbour)) !== undefined;
  const containers: { mac: Mac; isAnswered: boolean }[] = [];
  // In turn: questions on one link share its sockets, and so the MAC.
  for (const mac of isThere ? macs : []) {
    const wearer = await sights.asContainer(link, mac, neighbour);
    containers.push({ mac, isAnswered: wearer !== undefined });
  }
  return { isThere, containers };
}
