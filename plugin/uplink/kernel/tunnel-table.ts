/**
 * What the kernel has of tunnels, by rtnetlink. A join waits for it, and a process would take
 * longer than the answer.
 *
 *   of a VXLAN   IFLA_INFO_DATA: 1 VNI (4)  2 remote  4 local  15 UDP port (2, in network order)
 */
import {
  aboutAllAddresses,
  aboutAllRoutes,
  decodeAddress,
  decodeRoute,
  INET,
  INET6,
  type AddressFamily,
} from '../../net/netlink/address-messages.ts';
import {
  aboutAllLinks,
  aboutLink,
  aliasOf,
  decodeLink,
  IFLA_INFO_DATA,
  IFLA_LINKINFO,
  LINK_LENGTH,
  linkBody,
} from '../../net/netlink/link-messages.ts';
import { bytesOf, findAttribute } from '../../net/netlink/netlink-messages.ts';
import {
  askNetlinkForAll,
  openNetlinkSocket,
  type NetlinkSocket,
} from '../../net/netlink/netlink-socket.ts';
import { ipv4FromBytes } from '../../wire/address.ts';

export interface TunnelSeen {
  readonly kind: string | undefined;
  readonly alias: string | undefined;
  readonly mtu: number;
  readonly isUp: boolean;
  /** Of both families, with their prefix lengths: `10.83.41.2/24`. */
  readonly addresses: readonly string[];
}

/** Undefined if there is no link of that name. @throws SystemCallError */
export async function readTunnel(name: string): Promise<TunnelSeen | undefined> {
  const socket = openNetlinkSocket();
  try {
    const [answer] = await socket.ask([aboutLink(name)], `looking up link ${name}`);
    if (answer === undefined) return undefined;
    const body = linkBody(answer);
    const { kind, mtu, isUp, index } = decodeLink(body);
    const addresses = [
      ...(await addressesOn(socket, INET, index)),
      ...(await addressesOn(socket, INET6, index)),
    ];
    return { kind, alias: aliasOf(body), mtu, isUp, addresses };
  } finally {
    socket.close();
  }
}

async function addressesOn<Address>(
  socket: NetlinkSocket,
  family: AddressFamily<Address>,
  link: number,
): Promise<readonly string[]> {
  const { bodies } = await socket.askForAll(aboutAllAddresses(family), 'reading addresses');
  return (
    bodies
      // A kernel without that family lists what it has.
      .filter((body) => body.getUint8(0) === family.number)
      .map((body) => decodeAddress(family, body))
      .filter((one) => one.link === link)
      .map(({ address, prefixLength }) => `${String(address)}/${prefixLength}`)
  );
}

/** True if the main table has a route of IPv4 with that metric that leads nowhere. */
export async function hasLastRoute(network: string, metric: number): Promise<boolean> {
  const { bodies } = await askNetlinkForAll(aboutAllRoutes(INET), 'reading routes');
  return bodies
    .map((body) => decodeRoute(INET, body))
    .some(
      (route) =>
        route?.link === undefined &&
        route?.metric === metric &&
        `${route.destination}/${route.prefixLength}` === network,
    );
}

/** `port` and `ends` are undefined if the kernel did not say. */
export interface VxlanLink {
  readonly name: string;
  readonly alias: string | undefined;
  readonly mtu: number;
  readonly isUp: boolean;
  readonly port: number | undefined;
  /** VNI and both ends in the tunnel. */
  readonly ends: string;
}

/** All VXLAN links of this namespace. @throws SystemCallError */
export async function readVxlans(): Promise<readonly VxlanLink[]> {
  const { bodies } = await askNetlinkForAll(aboutAllLinks(), 'reading all links');
  return bodies.flatMap((body) => {
    const { kind, name, mtu, isUp } = decodeLink(body);
    if (kind !== 'vxlan') return [];
    const info = findAttribute(body, LINK_LENGTH, IFLA_LINKINFO);
    const data = info && findAttribute(info, 0, IFLA_INFO_DATA);
    const at = (type: number) => data && findAttribute(data, 0, type);
    const [remote, local] = [2, 4].map((type) => {
      const address = at(type);
      return address && ipv4FromBytes(bytesOf(address), 0);
    });
    const ends = endsOf({ vni: at(1)?.getUint32(0, true), local, remote });
    return [{ name, alias: aliasOf(body), mtu, isUp, port: at(15)?.getUint16(0), ends }];
  });
}

export function endsOf({
  vni,
  local,
  remote,
}: Record<'vni' | 'local' | 'remote', unknown>): string {
  return `${String(vni)} ${String(local)} ${String(remote)}`;
}
