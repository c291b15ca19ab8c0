/**
 * Decides what may enter the host by our links (D12). The protection is applied before a link first
 * comes up. It is applied again when the link is made anew, when it joins a bridge, and when
 * somebody has removed the protection.
 *
 * There are two layers. The first is a filter in the kernel on what enters the link. It is removed
 * with the link. The second is settings of the link that keep the host's IP stack off it. They help
 * while the link is, by mistake, not a port of its bridge.
 */
import { PluginError } from '../../vocabulary/errors.ts';
import type { GuardMode, PortRules } from '../../vocabulary/port-rules.ts';
import type { Mac } from '../../wire/address.ts';
import { askKernel, linkIndex, linkMac } from '../netlink/interface-request.ts';
import { createQueue } from '../../keyed-lock.ts';
import { SystemCallError } from '../libc.ts';
import { isMarked } from '../links/link-names.ts';
import { findLink } from '../netlink/rtnetlink.ts';
import { keepHostOut, letHostIn } from '../sysctl.ts';
import { removeIngressFilter, setIngressFilters, type IngressFilter } from './ingress-filter.ts';
import {
  closedProgram,
  lowerProgram,
  outerProgram,
  portProgram,
  uplinkProgram,
} from './programs.ts';
import { guardOfSenders, sendersOn } from './senders.ts';

export type Protection =
  /**
   * Nothing enters the host: a bridge, a container's end before Join, a VLAN link that is not a
   * port.
   */
  | { readonly link: string; readonly as: 'closed' }
  /** The link of the first of two tags: only VLAN links on it get frames. */
  | { readonly link: string; readonly as: 'outer' }
  /**
   * A port whose frames go to the bridge. `isMacClosed` is false if the bridge and its MAC are an
   * operator's.
   */
  | { readonly link: string; readonly as: 'uplink'; readonly isMacClosed: boolean }
  /**
   * The link below macvlan or ipvlan links. `guard`: what containers may not send by it.
   * `hasOneMac` is true if all of them have its MAC (ipvlan). Else senders.ts says which they have.
   */
  | {
      readonly link: string;
      readonly as: 'lower';
      readonly guard: GuardMode;
      readonly hasOneMac: boolean;
    }
  | { readonly link: string; readonly as: 'port'; readonly rules: PortRules };

/** The errors of a kernel that was built without the filter. */
const NOT_SUPPORTED = ['ENOENT', 'EOPNOTSUPP', 'ENOPROTOOPT'];
let isLackTold = false;

/**
 * Puts the protection of each link in force. An earlier protection is replaced at once.
 * @returns sentences for the log. A kernel without the filter is reported only once.
 * @throws PluginError IP_COMMAND_FAILED; LINK_CONFLICT for a link that is not there.
 */
export async function protectLinks(links: readonly Protection[]): Promise<readonly string[]> {
  if (links.length === 0) return [];
  const warnings = links.map(({ link }) => keepHostOut(link)).filter((one) => one !== undefined);
  return [...warnings, ...(await setFilters(links))];
}

async function setFilters(links: readonly Protection[]): Promise<readonly string[]> {
  const names = links.map(({ link }) => link).join(', ');
  try {
    await inTurn(links, () =>
      setAnew(links.map((one) => ({ ...look(one.link), one })).map(filterOf)),
    );
  } catch (cause) {
    if (!(cause instanceof SystemCallError)) throw cause;
    if (!NOT_SUPPORTED.includes(cause.code)) {
      throw new PluginError(
        'IP_COMMAND_FAILED',
        `what enters ${names} cannot be filtered: the kernel says ${cause.code}; look at: tc qdisc show dev ${links[0]?.link ?? ''}`,
        { cause },
      );
    }
    const isNew = !isLackTold;
    isLackTold = true;
    if (isNew) return [LACK];
  }
  return [];
}

const oneAtATime = createQueue();

/** Lists of senders change with each container. The list that is set last is the newest. */
function inTurn(links: readonly Protection[], work: () => Promise<void>): Promise<void> {
  return links.some(({ as }) => as === 'lower') ? oneAtATime(work) : work();
}

/**
 * Puts a changed list of senders in force, if the link is one of ours and its list is complete.
 * @returns sentences for the log.
 * @throws PluginError as `protectLinks`.
 */
export async function guardSenders(lower: string): Promise<readonly string[]> {
  const guard = guardOfSenders(lower);
  if (guard === undefined || !isMarked((await findLink(lower))?.alias)) return [];
  // The link's settings stay. Each change of them would be reported to all who watch links.
  return setFilters([{ link: lower, as: 'lower', guard, hasOneMac: false }]);
}

/** A link that was closed before it came into use has a queueing discipline of the other kind. */
async function setAnew(filters: readonly IngressFilter[]): Promise<void> {
  try {
    await setIngressFilters(filters);
  } catch (error) {
    const both = filters.filter(({ egress }) => egress !== undefined);
    const isOtherKind = error instanceof SystemCallError && error.code === 'EINVAL';
    if (!isOtherKind || both.length === 0) throw error;
    for (const { link } of both) await removeIngressFilter(link);
    await setIngressFilters(filters);
  }
}

const LACK = `this kernel cannot filter what enters a link (it lacks sch_ingress or cls_bpf): containers may take the MAC \
of a neighbour, may send tagged frames, BPDUs, DHCP server messages and router advertisements, and may reach the host; \
load the modules with: modprobe -a sch_ingress cls_bpf`;

/** Gives the link to an operator: it takes everything from now on. A missing link is no error. */
export async function unprotectLink(link: string): Promise<readonly string[]> {
  const index = askKernel((fd) => linkIndex(fd, link));
  if (index === undefined) return [];
  const warning = letHostIn(link);
  await removeIngressFilter(index);
  return warning === undefined ? [] : [warning];
}

function filterOf({
  index,
  mac,
  one,
}: {
  readonly index: number;
  readonly mac: Mac;
  readonly one: Protection;
}): IngressFilter {
  switch (one.as) {
    case 'closed':
      return { link: index, program: closedProgram() };
    case 'outer':
      return { link: index, program: outerProgram() };
    case 'uplink':
      return { link: index, program: uplinkProgram(one.isMacClosed ? mac : undefined) };
    case 'lower':
      return {
        link: index,
        program: uplinkProgram(one.hasOneMac ? undefined : mac),
        egress: lowerProgram(one.guard, one.hasOneMac ? { one: mac } : listOn(one.link, mac)),
      };
    case 'port':
      return { link: index, program: portProgram(one.rules, mac) };
  }
}

/** The plugin itself may send with the MAC of the link. */
function listOn(link: string, own: Mac): { readonly list: readonly Mac[] } | undefined {
  const macs = sendersOn(link);
  return macs && { list: [own, ...macs] };
}

function look(link: string): { readonly index: number; readonly mac: Mac } {
  const found = askKernel((fd) => ({ index: linkIndex(fd, link), mac: linkMac(fd, link) }));
  if (found === undefined) {
    throw new PluginError('LINK_CONFLICT', `link ${link} has just gone; start the container again`);
  }
  return found;
}
