/** The single steps of making and removing a network's links. */
import type { UndoList } from '../../undo.ts';
import { ipBatch, isAlreadyGone, isAlreadyThere } from '../ip.ts';
import { createQueue } from '../../keyed-lock.ts';
import { protectLinks } from '../guard/protection.ts';
import { UNFINISHED_GROUP } from './link-names.ts';
import { hasIpv6 } from '../sysctl.ts';

/** Changes to networks' links first look and then act. So they take turns. */
export const oneNetworkAtATime = createQueue();

/**
 * Makes a link, marks it as ours and closes it to the host, before it can come up. The link is made
 * in the group of unfinished links. It leaves the group in the moment in which it gets its mark. So
 * if we are killed in between, the next start finds the link.
 * @param link `add`: the words of the command up to `type`. `kind`: the words after it. `set`:
 * further properties for `ip link set`.
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
    // Only the first line can fail with "File exists". The existing link is not ours to remove.
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
