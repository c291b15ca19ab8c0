/** Finds out whether a parent is an uplink whose hub is silent (U9). */
import { parseUplinkAlias } from '../../../vocabulary/uplink-alias.ts';
import { isLinkName } from '../../../vocabulary/link-name.ts';
import { findLink } from '../../netlink/rtnetlink.ts';

export interface SilentUplink {
  readonly site: string;
  /** An instant of ISO 8601. */
  readonly downSince: string;
}

/**
 * Starts no process.
 * @returns undefined if the parent is no uplink, or if its hub answers.
 * @throws SystemCallError
 */
export async function silentUplink(parent: string): Promise<SilentUplink | undefined> {
  if (!isLinkName(parent)) return undefined;
  const { site, downSince } = parseUplinkAlias((await findLink(parent))?.alias) ?? {};
  return site === undefined || downSince === undefined ? undefined : { site, downSince };
}
