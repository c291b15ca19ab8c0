/**
 * The single steps that making and removing a network's links are made of.
 */
import type { UndoList } from '../../undo.ts';
import { ipBatch, isAlreadyGone, isAlreadyThere } from '../ip.ts';
import { createQueue } from '../../keyed-lock.ts';
import { protectLinks } from '../guard/protection.ts';
import { UNFINISHED_GROUP } from './link-names.ts';
import { hasIpv6 } from '../sysctl.ts';

/** Changes to networks' links look first and act then, so they must not interleave. */
export const oneNetworkAtATime = createQueue();

/**
 * Makes a link, marks it as ours and closes it to the host, before it can come up. It is made in a group that says that
 * it is not finished, and leaves that group as it gets its mark: whenever we are killed, the next start knows it.
 * @param link `add`: the words that make it, up to its kind; `kind`: from there on. `set`: further properties, as
 * `ip link set` takes them.
 * @returns sentences for the log.
 */
export async function makeLink(
  link: { name: string; add: string; kind: string; mark: string; mtu: number; set?: string },
  undo: UndoList,
): Promise<string[]> {
  const { name, add, kind, mark, mtu, set = '' } = link;
  const remove = () => removeLink(name);
  try {
    await ipBatch([
      `${add} group ${UNFINISHED_GROUP} type ${kind}`,
      `link set dev ${name} alias "${mark}" group 0 ${set}`,
      ...(hasIpv6(mtu) ? [`link set dev ${name} addrgenmode none`] : []),
    ]);
  } catch (error) {
    // "File exists" can only come from the first line: what is there is not ours to remove.
    if (!isAlreadyThere(error)) undo.add(remove);
    throw error;
  }
  undo.add(remove);
  return [...(await protectLinks([{ link: name, as: 'closed' }]))];
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
