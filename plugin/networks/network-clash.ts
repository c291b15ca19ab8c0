/**
 * Refuses networks that cannot exist side by side, and calls that contradict an existing network.
 */
import { PluginError } from '../vocabulary/errors.ts';
import { attachmentOf } from '../state/attachments/attachments.ts';
import type { NetworkOptions } from '../options/options.ts';
import type { HostLink } from '../host.ts';
import { outerTagOf } from '../vocabulary/vlan-tags.ts';
import { linkNamed, outerLinkOf, segmentLink } from '../state/link-chain.ts';
import { segmentOf, type NetworkRecord } from '../state/records.ts';

/**
 * One segment has one mode and, if that is `bridge`, one bridge. One bridge carries one segment.
 * @throws PluginError LINK_CONFLICT; INVALID_OPTION for options that the mode has not.
 */
export function refuseClash(networks: readonly NetworkRecord[], options: NetworkOptions): void {
  const refusal = attachmentOf({ options }).refusal(options);
  if (refusal !== undefined) throw new PluginError('INVALID_OPTION', refusal);
  for (const other of networks) {
    if (other.isUnfinished === true) continue; // the next start removes it
    const clash = clashOfTags(options, other) ?? attachmentOf({ options }).clash(options, other);
    if (clash !== undefined) throw new PluginError('LINK_CONFLICT', clash);
  }
}

/** A VLAN link that carries containers is not the outer link of others, too. */
function clashOfTags(options: NetworkOptions, { id, options: other }: NetworkRecord) {
  if (options.parent !== other.parent || !(isOuterOf(options, other) || isOuterOf(other, options)))
    return undefined;
  return `${segmentOf(options)} and ${segmentOf(other)} of network ${id.slice(0, 12)} cannot be side by side, because the first tag of one is the only tag of the other; choose another VLAN`;
}

function isOuterOf({ vlan }: NetworkOptions, other: NetworkOptions): boolean {
  const outer = outerTagOf(other.vlan);
  return outer?.protocol === '802.1Q' && outer.id === vlan;
}

/** @throws PluginError INVALID_REQUEST if a network of that id has other options. */
export function refuseDifference(
  known: NetworkRecord,
  options: NetworkOptions,
  internal: boolean,
): void {
  const isSame = JSON.stringify(known.options) === JSON.stringify(options);
  if (isSame && known.internal === internal) return;
  throw new PluginError(
    'INVALID_REQUEST',
    `network ${known.id.slice(0, 12)} exists with other options (${segmentOf(known.options)}, mode=${known.options.mode}${known.options.bridge === undefined ? '' : `, bridge ${known.options.bridge}`})`,
  );
}

/** @throws PluginError LINK_MISSING if an operator's link is gone. Ours would block a new one. */
export function refuseToMakeTheirs(
  links: readonly HostLink[],
  { options, vlanLink, outerLink, theirs = [] }: NetworkRecord,
): void {
  const gone = (name: string) =>
    new PluginError(
      'LINK_MISSING',
      `link ${name} for ${segmentOf(options)} is not there; it is not one of ours: make it again the way it was made`,
    );
  const { bridge } = options;
  if (theirs.includes('bridge') && bridge !== undefined && linkNamed(links, bridge) === undefined) {
    throw gone(bridge);
  }
  const parent = linkNamed(links, options.parent);
  const isParentThere = parent !== undefined;
  const isOuterThere = outerLinkOf(links, options, parent) !== undefined;
  if (theirs.includes('outer-link') && isParentThere && !isOuterThere) {
    throw gone(outerLink ?? segmentOf(options));
  }
  if (theirs.includes('vlan-link') && isParentThere && segmentLink(links, options) === undefined) {
    throw gone(vlanLink ?? segmentOf(options));
  }
}
