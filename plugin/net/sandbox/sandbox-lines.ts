/**
 * Changes of a container's link as lines for `ip -batch`, given what the sandbox has now.
 *
 * Two habits of the kernel decide the order within an address change: an address in the subnet of another
 * one goes when that one is removed, and the last address takes all routes of the link along.
 */
import { assertNever } from '../../vocabulary/errors.ts';
import type { Route } from '../../vocabulary/lease.ts';
import type { LinkAddress, SandboxChange } from '../../vocabulary/sandbox-change.ts';

export interface SandboxState {
  /** Those of our link, as `10.0.0.5/24`. */
  readonly addresses: readonly string[];
  /** Those of the main table, whatever their link. */
  readonly routes: readonly PresentRoute[];
}

interface PresentRoute {
  /** `10.0.0.0/8`, a host's without prefix length as `ip` prints it, the default route as `0.0.0.0/0`. */
  readonly destination: string;
  readonly via: string | undefined;
  /** Undefined for a route with several next hops. */
  readonly link: string | undefined;
  /** The route that comes with an address. */
  readonly isKernels: boolean;
  readonly metric: number;
}

const DEFAULT = '0.0.0.0/0';

/** @param link its name inside the sandbox. */
export function sandboxLines(
  changes: readonly SandboxChange[],
  link: string,
  state: SandboxState,
): readonly string[] {
  return changes.flatMap((change) => linesFor(change, link, state));
}

function linesFor(change: SandboxChange, link: string, state: SandboxState): readonly string[] {
  const has = (address: LinkAddress) => state.addresses.includes(cidr(address));
  const add = (address: LinkAddress) => `address replace ${cidr(address)} broadcast + dev ${link}`;
  const remove = (address: LinkAddress) => `address del ${cidr(address)} dev ${link}`;
  switch (change.type) {
    case 'set-mtu':
      return [`link set dev ${link} mtu ${change.mtu}`];
    case 'add-address':
      return has(change.to) ? [] : [add(change.to)];
    case 'remove-address':
      return has(change.from) ? [remove(change.from)] : [];
    case 'replace-address': {
      const { from, to } = change;
      if (!has(from)) return has(to) ? [] : [add(to)];
      return replaceBy(link, to, [...(has(to) ? [remove(to)] : []), remove(from)], add);
    }
    case 'set-route':
      return [`route replace ${routeText(change.route)} dev ${link}`];
    case 'remove-route':
      return state.routes
        .filter((route) => route.link === link && isRoute(route, change.route))
        .map((route) => removeRoute(route, link));
    case 'set-gateway': {
      const [present] = state.routes
        .filter(({ destination }) => destination === DEFAULT)
        .sort((one, other) => one.metric - other.metric);
      return present === undefined || present.link === link
        ? [`route replace default via ${change.via} dev ${link}`]
        : [];
    }
    case 'remove-gateway':
      return state.routes
        .filter((route) => route.link === link && route.destination === DEFAULT)
        .filter((route) => route.via === change.via)
        .map((route) => removeRoute(route, link));
    default:
      return assertNever(change);
  }
}

/** The new one holds the place as a single host, out of the old one's subnet, while the old one goes. */
function replaceBy(
  link: string,
  to: LinkAddress,
  removals: readonly string[],
  add: (address: LinkAddress) => string,
): readonly string[] {
  if (to.prefixLength === 32) return [add(to), ...removals];
  const alone = `${to.address}/32`;
  return [
    `address replace ${alone} dev ${link}`,
    ...removals,
    add(to),
    `address del ${alone} dev ${link}`,
  ];
}

function isRoute(present: PresentRoute, { destination, prefixLength, via }: Route): boolean {
  const names = [`${destination}/${prefixLength}`, ...(prefixLength === 32 ? [destination] : [])];
  return names.includes(present.destination) && present.via === via && !present.isKernels;
}

function removeRoute({ destination, via, metric }: PresentRoute, link: string): string {
  const hop = via === undefined ? '' : ` via ${via}`;
  return `route del ${destination}${hop} dev ${link}${metric === 0 ? '' : ` metric ${metric}`}`;
}

function routeText({ destination, prefixLength, via }: Route): string {
  return `${destination}/${prefixLength}${via === undefined ? '' : ` via ${via}`}`;
}

function cidr({ address, prefixLength }: LinkAddress): string {
  return `${address}/${prefixLength}`;
}
