/**
 * Asks the kernel by which way it sends to one address, by rtnetlink(7). No process is started: a
 * change of the network causes such a question on each host, and so does each join.
 *
 *   RTM_GETROUTE   struct rtmsg (family, length of the destination)  RTA_DST
 *   its answer     4 RTA_OIF (4)  5 RTA_GATEWAY  7 RTA_PREFSRC  8 RTA_METRICS: 2 RTAX_MTU (4)
 *                  18 RTA_VIA
 */
import { isIP } from 'node:net';
import { SystemCallError } from '../../net/libc.ts';
import { INET, INET6, ROUTE_LENGTH } from '../../net/netlink/address-messages.ts';
import { aboutLink, decodeLink, linkBody } from '../../net/netlink/link-messages.ts';
import {
  attribute,
  bytesOf,
  findAttribute,
  HEADER_LENGTH,
  message,
} from '../../net/netlink/netlink-messages.ts';
import { askNetlink } from '../../net/netlink/netlink-socket.ts';
import type { Ipv4 } from '../../wire/address.ts';
import { parseIpv6 } from '../../wire/address6.ts';

const RTM_GETROUTE = 26;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PREFSRC = 7;
const RTA_METRICS = 8;
const RTA_VIA = 18;
const RTAX_MTU = 2;

export interface Way {
  /** Index of the link. */
  readonly link: number;
  /** What tells this way from another one: the link, the router and the own address. */
  readonly words: string;
  /** What routers have said passes, or an operator. Undefined: nothing was said. */
  readonly mtu: number | undefined;
}

/**
 * @param address of either family.
 * @returns undefined if there is no route, or if the network of that family is not there.
 */
export async function wayTo(address: string): Promise<Way | undefined> {
  const to = encoded(address);
  if (to === undefined) return undefined;
  const header = new Uint8Array(ROUTE_LENGTH);
  header.set([to.family, to.bytes.length * 8]);
  const question = message(RTM_GETROUTE, 0, header, attribute(RTA_DST, to.bytes));
  const answer = await ask(question, `looking up the route to ${address}`);
  if (answer === undefined) return undefined;
  const at = (type: number) => findAttribute(answer, HEADER_LENGTH + ROUTE_LENGTH, type);
  const link = at(RTA_OIF)?.getUint32(0, true);
  if (link === undefined) return undefined;
  const metrics = at(RTA_METRICS);
  const words = [at(RTA_GATEWAY) ?? at(RTA_VIA), at(RTA_PREFSRC)].map((value) =>
    value === undefined ? '' : Buffer.from(bytesOf(value)).toString('hex'),
  );
  return {
    link,
    words: [link, ...words].join(' '),
    mtu: metrics && findAttribute(metrics, 0, RTAX_MTU)?.getUint32(0, true),
  };
}

/** Undefined if there is no such link. @throws SystemCallError */
export async function mtuOfLink(index: number): Promise<number | undefined> {
  const [answer] = await askNetlink([aboutLink(index)], `looking up link ${index}`);
  return answer && decodeLink(linkBody(answer)).mtu;
}

function encoded(address: string): { family: number; bytes: Uint8Array } | undefined {
  if (isIP(address) === 4) return { family: INET.number, bytes: INET.encode(address as Ipv4) };
  const ipv6 = parseIpv6(address);
  return ipv6 && { family: INET6.number, bytes: INET6.encode(ipv6) };
}

async function ask(question: Uint8Array, what: string): Promise<DataView | undefined> {
  try {
    return (await askNetlink([question], what))[0];
  } catch (error) {
    if (error instanceof SystemCallError) return undefined;
    throw error;
  }
}
