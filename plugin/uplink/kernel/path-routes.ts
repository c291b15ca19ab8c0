/**
 * The MTUs of routes into the tunnel. The link has TUNNEL_MTU always, so that longer packets can be
 * tried. Its routes say what passes now, and the kernel cuts what is longer before WireGuard
 * encrypts it. So no fragment is on the Internet, and `uplink0` keeps its 1500 bytes (U8).
 */
import { ipBatch, ipJson } from '../../net/ip.ts';
import { TUNNEL_MTU } from '../desired.ts';
import { mtuOfLink, wayTo } from './route-query.ts';

interface Route {
  readonly dst?: string;
  readonly protocol?: string;
  readonly prefsrc?: string;
  readonly metrics?: readonly { readonly mtu?: number }[];
}

function mtuOf({ metrics = [] }: Route): number {
  return metrics.find(({ mtu }) => mtu !== undefined)?.mtu ?? TUNNEL_MTU;
}

/** Sets it for all that goes into the tunnel. Does nothing if the kernel has it already. */
export async function ensureNetworkMtu(link: string, mtu: number): Promise<void> {
  const routes = (await ipJson(['-4', 'route', 'show', 'dev', link])) as readonly Route[];
  const route = routes.find(({ protocol }) => protocol === 'kernel');
  if (route?.prefsrc === undefined || mtuOf(route) === mtu) return;
  const words = `proto kernel scope link src ${route.prefsrc} mtu ${mtu}`;
  await ipBatch([`route replace ${route.dst} dev ${link} ${words}`]);
}

/**
 * Sets it for what goes to single hosts. Removes other routes to a host by this link.
 * @param mtus by address.
 */
export async function ensureHostMtus(
  link: string,
  mtus: ReadonlyMap<string, number>,
): Promise<void> {
  const routes = (await ipJson(['-4', 'route', 'show', 'dev', link])) as readonly Route[];
  const hosts = new Map(
    routes
      .filter(({ dst = '', protocol }) => protocol !== 'kernel' && !dst.includes('/'))
      .map((route) => [route.dst ?? '', mtuOf(route)]),
  );
  await ipBatch([
    ...[...hosts.keys()]
      .filter((address) => !mtus.has(address))
      .map((address) => `route del ${address} dev ${link}`),
    ...[...mtus]
      .filter(([address, mtu]) => hosts.get(address) !== mtu)
      .map(([address, mtu]) => `route replace ${address} dev ${link} mtu ${mtu}`),
  ]);
}

/** Around a packet: IP, UDP and WireGuard. */
const AROUND = { 4: 60, 6: 80 } as const;

/**
 * The longest packet for which the kernel would not cut the datagram around it, by what it knows of
 * the way: the link, and what routers have said.
 * @param endpoint `203.0.113.10:51820` or `[2001:db8::1]:51820`.
 */
export async function underlayLimit(endpoint: string): Promise<number> {
  const address = endpoint.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  const around = AROUND[address.includes(':') ? 6 : 4];
  const way = await wayTo(address);
  if (way === undefined) return Infinity;
  const { mtu = Infinity, link } = way;
  return Math.min(mtu, (await mtuOfLink(link)) ?? Infinity) - around;
}
