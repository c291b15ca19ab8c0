/**
 * Refuses networks that cannot exist side by side, and calls that contradict an existing network.
 */
import { PluginError } from '../vocabulary/errors.ts';
import { attachmentOf } from '../state/attachments/attachments.ts';
import type { NetworkOptions } from '../options/options.ts';
import type { HostLink } from '../host.ts';
import { linkNamed, segmentLink } from '../state/link-chain.ts';
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
    const clash = attachmentOf({ options }).clash(options, other);
    if (clash !== undefined) throw new PluginError('LINK_CONFLICT', clash);
  }
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
  { options, vlanLink, theirs = [] }: NetworkRecord,
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
  const isParentThere = linkNamed(links, options.parent) !== undefined;
  if (theirs.includes('vlan-link') && isParentThere && segmentLink(links, options) === undefined) {
    throw gone(vlanLink ?? segmentOf(options));
  }
}
