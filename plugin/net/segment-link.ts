/** The link that carries a segment: found, or made for as long as it is needed. */
import { readLink, readLinksOfKind, isVlanOf } from './link-info.ts';

export interface Segment {
  readonly parent: string;
  readonly vlan: number | undefined;
}

export async function findSegmentLink({ parent, vlan }: Segment): Promise<string | undefined> {
  if (vlan === undefined) return (await readLink(parent))?.name;
  return (await readLinksOfKind('vlan')).find((link) => isVlanOf(link, parent, vlan))?.name;
}

export async function withSegmentLink<Result>(
  segment: Segment,
  work: (link: string) => Promise<Result>,
): Promise<Result> {
  const link = await findSegmentLink(segment);
  if (link === undefined) throw new Error(`no link carries VLAN ${segment.vlan}`);
  return work(link);
}
