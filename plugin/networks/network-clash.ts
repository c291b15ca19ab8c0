/**
 * Refuses networks that cannot exist side by side, and calls that contradict an existing network.
 */
import { PluginError } from '../vocabulary/errors.ts';
import { attachmentOf } from '../state/attachments/attachment.ts';
import type { NetworkOptions } from '../options/options.ts';
import { segmentOf, type NetworkRecord } from '../state/records.ts';

/**
 * One segment has one mode and, if that is `bridge`, one bridge. One bridge carries one segment.
 * @throws PluginError LINK_CONFLICT
 */
export function refuseClash(networks: readonly NetworkRecord[], options: NetworkOptions): void {
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
