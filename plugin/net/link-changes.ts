/**
 * The single steps that making and removing a network's links are made of.
 */
import { ipBatch, isAlreadyGone } from './ip.ts';
import { createQueue } from './serially.ts';
import { disableIpv6, hasIpv6 } from './sysctl.ts';

/** Changes to networks' links look first and act then, so they must not interleave. */
export const oneNetworkAtATime = createQueue();

/** Marks a new link as ours and keeps the host's own addresses off it. */
export async function settle(
  link: string,
  mark: string,
  mtu: number,
  properties: string,
): Promise<string[]> {
  await ipBatch([
    `link set dev ${link} alias "${mark}" ${properties}`,
    ...(hasIpv6(mtu) ? [`link set dev ${link} addrgenmode none`] : []),
  ]);
  const warning = disableIpv6(link);
  return warning === undefined ? [] : [warning];
}

export async function removeLink(name: string): Promise<void> {
  await ignoreGone(ipBatch([`link del dev ${name}`]));
}

export async function detachUplink(uplink: string): Promise<void> {
  await ignoreGone(ipBatch([`link set dev ${uplink} nomaster`]));
}

async function ignoreGone(change: Promise<void>): Promise<void> {
  try {
    await change;
  } catch (error) {
    if (!isAlreadyGone(error)) throw error;
  }
}
