/**
 * Refuses networks that cannot exist side by side, and calls that contradict an existing network.
 */
import { PluginError } from '../vocabulary/errors.ts';
import type { NetworkOptions } from '../options/options.ts';
import { segmentOf, type NetworkRecord } from '../state/records.ts';

/**
 * One segment is on one bridge, and one bridge carries one segment. @throws PluginError
 * LINK_CONFLICT
 */
export function refuseClash(networks: readonly NetworkRecord[], options: NetworkOptions): void {
  const { bridge } = options;
  const segment = segmentOf(options);
  for (const { id, options: other, isUnfinished } of networks) {
    if (isUnfinished === true) continue; // the next start removes it
    const isSameSegment = other.parent === options.parent && other.vlan === options.vlan;
    if (isSameSegment && other.bridge !== bridge) {
      throw new PluginError(
        'LINK_CONFLICT',
        `${segment} is already on bridge ${other.bridge} for network ${id.slice(0, 12)}; use -o bridge=${other.bridge}`,
      );
    }
    if (!isSameSegment && other.bridge === bridge) {
      throw new PluginError(
        'LINK_CONFLICT',
        `bridge ${bridge} already serves ${segmentOf(other)} for network ${id.slice(0, 12)}; choose another -o bridge= for ${segment}`,
      );
    }
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
    `network ${known.id.slice(0, 12)} exists with other options (${segmentOf(known.options)}, bridge ${known.options.bridge})`,
  );
}
