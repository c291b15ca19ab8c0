/** What a start says while the uplink below its network is down. It fails at once (U9). */
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
  throw new PluginError('NO_OFFER', `no lease on ${segment}: ${sentence(uplink)}`, {
    evidence: { segment, ...uplink },
  });
}

/** @returns why no server is heard there, for the log. Undefined if it is no uplink, or up. */
export async function reasonOfSilence(
  host: Pick<Host, 'silentUplink'>,
  parent: string,
): Promise<string | undefined> {
  const uplink = await host.silentUplink(parent).catch(() => undefined);
  return uplink && sentence(uplink);
}

function sentence({ site, downSince }: { site: string; downSince: string }): string {
  const since = downSince.replace('T', ' ').replace('Z', ' UTC');
  return `the uplink to ${site} has been down since ${since}; vlandhcp uplink status says why`;
}
