/**
 * The host's own macvlan link beside those of the containers (`host_access=true`). The kernel
 * passes nothing between a card and the macvlan links on it. The link is made, brought to what it
 * must be, and removed. It gets one address with its subnet, and nothing else: no gateway, no IPv6.
 */
import type { Connection } from '../../vocabulary/attachment.ts';
import { PluginError } from '../../vocabulary/errors.ts';
import type { LinkAddress } from '../../vocabulary/sandbox-change.ts';
import type { Mac } from '../../wire/address.ts';
import { setMtu } from '../links/link-mtu.ts';
import { hostMark } from '../links/link-names.ts';
import { waitUntilReady } from '../links/link-ready.ts';
import { aboutAllAddresses, decodeAddress, INET } from '../netlink/address-messages.ts';
import { findLinkIndex } from '../netlink/interface-request.ts';
import { askNetlinkForAll, openNetlinkSocket } from '../netlink/netlink-socket.ts';
import {
  changeLinks,
  findLink,
  readLinkTable,
  readMarkedLinksNow,
  removeLinkAt,
} from '../netlink/rtnetlink.ts';
import { takeSteps } from '../sandbox/sandbox-config.ts';
import type { SandboxStep } from '../sandbox/sandbox-steps.ts';
import { letHostTakePart } from '../sysctl.ts';
import { letSend, letSendNoMore, makeUpperLink } from './upper-link.ts';

export interface HostLinkSpec {
  readonly link: string;
  readonly mac: Mac;
  readonly mtu: number;
  readonly connection: Extract<Connection, { kind: 'macvlan' }>;
  /** Undefined: none. */
  readonly address: LinkAddress | undefined;
}

/**
 * Makes the link or repairs it. What is right already is not touched.
 * @returns sentences for the log.
 * @throws PluginError LINK_CONFLICT if the name, the MAC or the link below is taken;
 * SystemCallError.
 */
export async function ensureHostLink(spec: HostLinkSpec): Promise<readonly string[]> {
  const { link, address } = spec;
  await removeUnfit(spec);
  const warnings: string[] = [];
  if (findLinkIndex(link) === undefined) {
    warnings.push(
      ...(await makeUpperLink(
        { ...spec, containerEnd: link },
        { alias: hostMark(link), protect: () => settings(link) },
      )),
    );
    await waitUntilReady([link]);
  } else {
    warnings.push(...(await letSend(spec.connection.lower, { end: link, mac: spec.mac })));
    await setMtu([link], spec.mtu);
    warnings.push(...settings(link));
    await changeLinks([{ name: link, isUp: true }]);
  }
  await setAddress(link, address);
  return warnings;
}

/** Removes the link if it is ours. A link that is gone already is no error. */
export async function removeHostLink(link: string): Promise<void> {
  await letSendNoMore(link);
  for (const { index, alias } of readMarkedLinksNow()) {
    if (alias === hostMark(link)) await removeLinkAt(index);
  }
}

function settings(link: string): readonly string[] {
  const warning = letHostTakePart(link);
  return warning === undefined ? [] : [warning];
}

/** Somebody may have renamed it, or it lies on a link that was made anew. */
async function removeUnfit({ link, mac, connection }: HostLinkSpec): Promise<void> {
  const stranger = await findLink(link);
  if (stranger !== undefined && stranger.alias !== hostMark(link)) {
    throw new PluginError(
      'LINK_CONFLICT',
      `link ${link} exists and is not one of ours; remove it, or give it another name`,
    );
  }
  const marked = readMarkedLinksNow().filter(({ alias }) => alias === hostMark(link));
  if (marked.length === 0) return;
  const lower = findLinkIndex(connection.lower);
  const table = await readLinkTable();
  for (const { index } of marked) {
    const now = table.find((other) => other.index === index);
    if (now === undefined) continue;
    const isFit = now.name === link && now.mac === mac && now.lower === lower;
    if (!isFit || now.kind !== 'macvlan') await removeLinkAt(index);
  }
}

/** The new address comes first, so that the host is reached all the time. */
async function setAddress(link: string, wanted: LinkAddress | undefined): Promise<void> {
  const index = findLinkIndex(link);
  if (index === undefined) {
    throw new PluginError('LINK_CONFLICT', `link ${link} has just gone; it is made again`);
  }
  const { bodies } = await askNetlinkForAll(aboutAllAddresses(INET), 'reading the addresses');
  const present = bodies
    .map((body) => decodeAddress(INET, body))
    .filter((entry) => entry.link === index);
  const isWanted = (one: LinkAddress) =>
    one.address === wanted?.address && one.prefixLength === wanted.prefixLength;
  const others = present.filter((one) => !isWanted(one));
  // An address of the same subnet goes with the first one of it. So it is added again after that.
  const add: SandboxStep[] = wanted === undefined ? [] : [{ type: 'add-address', address: wanted }];
  const remove = others.map((address): SandboxStep => ({ type: 'remove-address', address }));
  if (remove.length === 0 && present.some(isWanted)) return;
  const socket = openNetlinkSocket();
  try {
    const place = { link: { name: link, index }, socket };
    await takeSteps(place, [...add, ...remove, ...(remove.length === 0 ? [] : add)]);
  } finally {
    socket.close();
  }
}
