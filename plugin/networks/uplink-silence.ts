/** Fails a start at once while the uplink below its network is down (U9). */
import type { Host } from '../host.ts';
import type { LeaseScope } from '../state/lease-scope.ts';
import { PluginError } from '../vocabulary/errors.ts';

/**
 * @param hasLease true if there is a lease from before. It counts while the uplink is down.
 * @throws PluginError NO_OFFER if no server can be asked, and the container cannot start without.
 */
export async function refuseIfSilent(
  host: Pick<Host, 'silentUplink'>,
  { options, segment }: LeaseScope,
  hasLease: boolean,
): Promise<void> {
  if (hasLease || options.onNoServer !== 'fail') return;
  const uplink = await host.silentUplink(options.parent);
  if (uplink === undefined) return;
  const since = uplink.downSince.replace('T', ' ').replace('Z', ' UTC');
  throw new PluginError(
    'NO_OFFER',
    `no lease on ${segment}: the uplink to ${uplink.site} has been down since ${since}; vlandhcp uplink status says why`,
    { evidence: { segment, ...uplink } },
  );
}
