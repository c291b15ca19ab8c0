/**
 * Makes changes that may raise the MTU of a link of ours. Below 1280 a link takes no part in IPv6,
 * and the kernel keeps no IPv6 settings for it. With 1280 or more the kernel makes such settings,
 * with the host's defaults. So the settings that keep the host out are then written again. A bridge
 * without an MTU of its own has the smallest MTU of its ports. So a port can bring it into IPv6.
 */
import { PluginError } from '../../vocabulary/errors.ts';
import { askKernel, linkMtu } from '../netlink/interface-request.ts';
import { isMarked } from './link-names.ts';
import { changeLinks, findLink, findMaster } from '../netlink/rtnetlink.ts';
import { IPV6_MIN_MTU, keepHostOut } from '../sysctl.ts';

/**
 * Sets the MTU of links of this namespace, in that order.
 * @throws PluginError IP_COMMAND_FAILED for the first that failed.
 */
export async function setMtu(links: readonly string[], mtu: number): Promise<void> {
  try {
    await changeLinks(links.map((name) => ({ name, mtu })));
  } catch (cause) {
    const message = `the MTU ${mtu} could not be set: ${(cause as Error).message}`;
    throw new PluginError('IP_COMMAND_FAILED', message, { cause });
  }
}

/** The questions and requests to the kernel. Tests replace them. */
const KERNEL = {
  bridgeOf: findMaster,
  mtuOf: (link: string) => askKernel((fd) => linkMtu(fd, link)),
  isOurs: async (link: string) => isMarked((await findLink(link))?.alias),
  keepHostOut,
};

/**
 * Makes a change that may raise the MTU of `link` or of its bridge. `link` may be gone afterwards.
 * @throws what `change` throws; PluginError IP_COMMAND_FAILED if the host could not be kept out
 * after it.
 */
export async function keepingHostOut(
  link: string,
  change: () => Promise<void>,
  kernel: typeof KERNEL = KERNEL,
): Promise<void> {
  const isLow = (name: string) => (kernel.mtuOf(name) ?? IPV6_MIN_MTU) < IPV6_MIN_MTU;
  // The port with the smallest MTU limits the bridge. If this port has IPv6 already, its change
  // brings no bridge into IPv6.
  const bridge = isLow(link) ? await kernel.bridgeOf(link) : undefined;
  const low = [link, ...(bridge === undefined ? [] : [bridge])].filter(isLow);
  await change();
  const troubles: string[] = [];
  for (const name of low) {
    if (isLow(name) || !(await kernel.isOurs(name))) continue;
    const trouble = kernel.keepHostOut(name);
    if (trouble !== undefined) troubles.push(trouble);
  }
  if (troubles.length > 0) throw new PluginError('IP_COMMAND_FAILED', troubles.join('; '));
}
