/** Gathers which routers and DHCPv6 servers the segments of networks with IPv6 have. */
import type { Host } from '../../host.ts';
import type { Ipv6Survey } from '../../leasing/survey/ipv6-survey.ts';
import { speakerOf } from '../../state/attachments/attachments.ts';
import { segmentOf, type NetworkRecord } from '../../state/records.ts';
import type { Mac } from '../../wire/address.ts';
import type { Ipv6SegmentFacts } from '../ipv6-segments.ts';

export interface Ipv6Sources {
  readonly host: Pick<Host, 'linkMac'>;
  /** @throws PluginError SOCKET_FAILED. */
  readonly survey: (from: { readonly link: string; readonly mac: Mac }) => Promise<Ipv6Survey>;
}

export function gatherIpv6(
  networks: readonly NetworkRecord[],
  { host, survey }: Ipv6Sources,
): Promise<readonly Ipv6SegmentFacts[]> {
  const bySegment = new Map<string, NetworkRecord[]>();
  for (const network of networks) {
    if (network.options.ipv6 === undefined) continue;
    const segment = segmentOf(network.options);
    bySegment.set(segment, [...(bySegment.get(segment) ?? []), network]);
  }
  const gathered = [...bySegment.values()].map(async ([network, ...others]) => {
    if (network === undefined) return [];
    const modes = [network, ...others].flatMap(({ options }) => options.ipv6 ?? []);
    const link = speakerOf(network);
    const mac = host.linkMac(link);
    const heard = mac === undefined ? `there is no link ${link}` : await orSay(survey({ link, mac })); // prettier-ignore
    return [{ options: network.options, modes: [...new Set(modes)], link, survey: heard }];
  });
  return Promise.all(gathered).then((facts) => facts.flat());
}

async function orSay(survey: Promise<Ipv6Survey>): Promise<Ipv6Survey | string> {
  try {
    return await survey;
  } catch (error) {
    return error instanceof Error ? error.message : 'unknown';
  }
}
