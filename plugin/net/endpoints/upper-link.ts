/**
 * Makes the link of a container that lies directly on the link of its segment: macvlan or ipvlan.
 * No end of it stays in the host. So it carries our mark itself, with its first name. In the
 * container it has another name.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from '../../vocabulary/attachment.ts';
import { PluginError } from '../../vocabulary/errors.ts';
import type { Ms } from '../../vocabulary/time.ts';
import type { Mac } from '../../wire/address.ts';
import { guardSenders, protectLinks } from '../guard/protection.ts';
import { dropSender, noteSender, type Sender } from '../guard/senders.ts';
import { SystemCallError } from '../libc.ts';
import { readLink } from '../links/link-info.ts';
import { UNFINISHED_GROUP, upperMark } from '../links/link-names.ts';
import { waitUntilReady } from '../links/link-ready.ts';
import { findLinkIndex } from '../netlink/interface-request.ts';
import {
  addUpperLink,
  changeLinks,
  findLink,
  removeLinkAt,
  removeLinkNamed,
} from '../netlink/rtnetlink.ts';
import { hasIpv6 } from '../sysctl.ts';

export interface UpperLinkSpec {
  readonly containerEnd: string;
  /** The container's MAC. With ipvlan, that of the link below. */
  readonly mac: Mac;
  readonly mtu: number;
  readonly connection: Extract<Connection, { kind: 'macvlan' | 'ipvlan' }>;
  /** True if the link stays in the group of unfinished links, which the next start removes. */
  readonly staysUnfinished?: boolean;
}

/**
 * Makes the link, ready to carry frames. An earlier one of that name is made anew.
 * @returns sentences for the log.
 * @throws PluginError LINK_CONFLICT if the name, the MAC or the link below is taken;
 * SystemCallError.
 */
export async function ensureUpperLink(spec: UpperLinkSpec): Promise<readonly string[]> {
  const { containerEnd } = spec;
  const before = await findLink(containerEnd);
  if (before !== undefined) {
    if (before.alias !== upperMark(containerEnd)) {
      throw new PluginError(
        'LINK_CONFLICT',
        `link ${containerEnd} exists and is not one of ours; remove it`,
      );
    }
    await removeLinkAt(before.index);
  }
  const warnings = await makeUpperLink(spec, {
    alias: upperMark(containerEnd),
    protect: () => protectLinks([{ link: containerEnd, as: 'closed' }]),
  });
  await waitUntilReady([containerEnd]);
  return warnings;
}

/**
 * Makes the link and brings it up.
 * @param as.alias its mark. @param as.protect decides what may enter by it, before it comes up.
 * @throws PluginError LINK_CONFLICT; SystemCallError. Then no link is left.
 */
export async function makeUpperLink(
  spec: UpperLinkSpec,
  as: {
    readonly alias: string;
    readonly protect: () => Promise<readonly string[]> | readonly string[];
  },
): Promise<readonly string[]> {
  const { containerEnd: name, mac, mtu, connection, staysUnfinished } = spec;
  const { lower } = connection;
  const index = findLinkIndex(lower);
  if (index === undefined) {
    throw new PluginError('LINK_CONFLICT', `link ${lower} has just gone; try again`);
  }
  const own = connection.kind === 'macvlan' ? mac : undefined;
  try {
    await addUpperLink({ name, mac: own, mtu, group: UNFINISHED_GROUP }, index, connection);
  } catch (error) {
    throw isError(error, 'EBUSY') ? await inUse(spec, error) : error;
  }
  const formsNoAddress = hasIpv6(mtu);
  try {
    const warnings = [...(await as.protect())];
    if (own !== undefined) warnings.push(...(await letSend(lower, { end: name, mac: own })));
    const group = staysUnfinished === true ? UNFINISHED_GROUP : 0;
    await changeLinks([{ name, alias: as.alias, group, formsNoAddress }]);
    await bringUp(spec);
    return warnings;
  } catch (error) {
    await removeLinkNamed(name);
    await letSendNoMore(name);
    throw error;
  }
}

/** Lets the MAC of a macvlan link leave by the link below. @returns sentences for the log. */
export async function letSend(lower: string, sender: Sender): Promise<readonly string[]> {
  noteSender(lower, sender);
  return guardSenders(lower);
}

/** The link above is gone, or goes. The link below may be gone, too. */
export async function letSendNoMore(end: string): Promise<void> {
  const lower = dropSender(end);
  try {
    if (lower !== undefined) await guardSenders(lower);
  } catch (error) {
    if (!(error instanceof PluginError)) throw error;
    // The next container's start puts the list in force.
  }
}

/** The kernel needs a moment to remove the link of a container that has just ended. */
const MAC_FREE_WITHIN: Ms = 1_500;
const LOOK_EVERY: Ms = 20;

/** @throws PluginError LINK_CONFLICT if another macvlan on that link has the MAC. */
async function bringUp({ containerEnd, mac, connection }: UpperLinkSpec): Promise<void> {
  const giveUpAt = performance.now() + MAC_FREE_WITHIN;
  for (;;) {
    try {
      return await changeLinks([{ name: containerEnd, isUp: true }]);
    } catch (cause) {
      if (!isError(cause, 'EADDRINUSE', 'EBUSY')) throw cause;
      if (performance.now() >= giveUpAt) {
        throw new PluginError(
          'LINK_CONFLICT',
          `MAC ${mac} is in use on ${connection.lower}, by another macvlan link or by that link itself; stop the container that has it, or choose another MAC`,
          { cause },
        );
      }
    }
    await sleep(LOOK_EVERY);
  }
}

async function inUse({ connection }: UpperLinkSpec, cause: unknown): Promise<PluginError> {
  const { lower, kind } = connection;
  const master = (await readLink(lower))?.master;
  const by = master === undefined ? 'links of another kind on it' : `${master}, its master`;
  return new PluginError(
    'LINK_CONFLICT',
    `${lower} can carry no ${kind} link: the kernel gives its frames to ${by}; look at: ip -d link show`,
    { cause },
  );
}

function isError(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof SystemCallError && codes.includes(error.code);
}
