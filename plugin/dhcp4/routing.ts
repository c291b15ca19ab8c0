/** The routes of an ACK (RFC 2132 §3.5, §5.8, RFC 3442), without those that no host can use. */
import type { LeaseTerms, Route } from '../vocabulary/lease.ts';
import { IPV4_ANY, ipv4FromNumber } from '../wire/address.ts';
import type { Ipv4 } from '../wire/address.ts';
import { formatSubnet, subnetHasAll, subnetOf } from '../wire/subnet.ts';
import { firstOf, optionName, unlessMalformed } from './option-names.ts';
import { classlessRoutesOf, ipv4ListOf, OPTION, staticRoutesOf } from './options.ts';
import type { Options } from './options.ts';

/**
 * A message of 1500 octets has room for some 280. No site needs that many, and each route is a call
 * to the kernel.
 */
const MOST_ROUTES = 64;

/** "This network", loopback, multicast and the range above it: a router leads to none of them. */
const NOWHERE = [
  subnetOf(IPV4_ANY, 8),
  subnetOf(ipv4FromNumber(0x7f000000), 8),
  subnetOf(ipv4FromNumber(0xe0000000), 3),
];

/**
 * RFC 3442: option 121 replaces options 3 and 33, also if it has no default route. A default route
 * without a router cannot be expressed in a lease and is dropped. A route over an address that
 * cannot be a router is dropped, too.
 * @param dropped gets a sentence for each thing that is left out.
 */
export function routingOf(
  options: Options,
  isRouter: (router: Ipv4) => boolean,
  dropped: string[],
): Pick<LeaseTerms, 'gateway' | 'routes'> {
  const classless = classlessOf(options, dropped);
  if (classless === undefined) {
    const routers =
      unlessMalformed(options, OPTION.ROUTER, ipv4ListOf(options, OPTION.ROUTER), dropped) ?? [];
    const gateway = routers.find(isRouter);
    const [bad] = routers.filter((router) => !isRouter(router));
    if (bad !== undefined) dropped.push(`${optionName(OPTION.ROUTER)}: ${bad} cannot be a router`);
    const routes =
      unlessMalformed(options, OPTION.STATIC_ROUTE, staticRoutesOf(options), dropped) ?? [];
    return { gateway, routes: usableRoutes(OPTION.STATIC_ROUTE, routes, isRouter, dropped) };
  }
  const { code, routes } = classless;
  const defaults = routes.filter(isDefault);
  const gateway = defaults.find(({ via }) => via !== undefined && isRouter(via))?.via;
  if (gateway === undefined && defaults.length > 0) {
    const via = defaults[0]?.via ?? IPV4_ANY;
    dropped.push(`${optionName(code)}: the default route by ${via}, which cannot be a router`);
  }
  const others = routes.filter((route) => !isDefault(route));
  return { gateway, routes: usableRoutes(code, others, isRouter, dropped) };
}

function classlessOf(
  options: Options,
  dropped: string[],
): { readonly code: number; readonly routes: readonly Route[] } | undefined {
  for (const code of [OPTION.CLASSLESS_ROUTE, OPTION.MICROSOFT_CLASSLESS_ROUTE]) {
    const routes = unlessMalformed(options, code, classlessRoutesOf(options, code), dropped);
    if (routes !== undefined) return { code, routes };
  }
  return undefined;
}

function usableRoutes(
  code: number,
  routes: readonly Route[],
  isRouter: (router: Ipv4) => boolean,
  dropped: string[],
): readonly Route[] {
  const usable = new Map<string, Route>();
  for (const route of routes) {
    const text = formatSubnet({ network: route.destination, prefixLength: route.prefixLength });
    const problem = routeProblem(route, isRouter);
    if (problem !== undefined) dropped.push(`${optionName(code)}: the route to ${text} ${problem}`);
    else if (usable.has(text)) dropped.push(`${optionName(code)}: the second route to ${text}`);
    else usable.set(text, route);
  }
  return firstOf(code, [...usable.values()], { most: MOST_ROUTES, what: 'routes' }, dropped);
}

function routeProblem(
  { destination, prefixLength, via }: Route,
  isRouter: (router: Ipv4) => boolean,
): string | undefined {
  const target = { network: destination, prefixLength };
  if (NOWHERE.some((subnet) => subnetHasAll(subnet, target))) return 'leads nowhere';
  return via === undefined || isRouter(via) ? undefined : `by ${via}, which cannot be a router`;
}

function isDefault({ prefixLength }: Route): boolean {
  return prefixLength === 0;
}
