/**
 * The single steps that making and removing a network's links are made of.
 */
import type { UndoList } from '../undo.ts';
import { ipBatch, isAlreadyGone, isAlreadyThere } from './ip.ts';
import { createQueue } from './serially.ts';
import { disableIpv6, hasIpv6 } from './sysctl.ts';

/** Changes to networks' links look first and act then, so they must not interleave. */
export const oneNetworkAtATime = createQueue();

/**
 * Makes a link, marks it as ours and keeps the host's own addresses off it. One `ip` does all of it: if we
 * are killed meanwhile, no link without a mark stays behind, which nobody would ever remove.
 * @param link `add`: the line that makes it. `set`: further properties, as `ip link set` takes them.
 * @returns sentences for the log.
 */
export async function makeLink(
  link: { name: string; add: string; mark: string; mtu: number; set?: string },
  undo: UndoList,
): Promise<string[]> {
  const { name, add, mark, mtu, set = '' } = link;
  const remove = () => removeLink(name);
  try {
    await ipBatch([
      add,
      `link set dev ${name} alias "${mark}" ${set}`,
      ...(hasIpv6(mtu) ? [`link set dev ${name} addrgenmode none`] : []),
    ]);
  } catch (error) {
    // "File exists" can only come from the first line: what is there is not ours to remove.
    if (!isAlreadyThere(error)) undo.add(remove);
    throw error;
  }
  undo.add(remove);
  const warning = disableIpv6(name);
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
