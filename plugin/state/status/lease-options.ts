/** What a server sent besides address, times and DNS, as text for operators. */
import { nameOfOption } from '../../vocabulary/dhcp/option-catalogue.ts';
import type { Route } from '../../vocabulary/lease.ts';
import type { StoredLease } from '../stored-lease.ts';

/** Routers and routes are those that the container gets. */
export function optionsOf(lease: StoredLease): Readonly<Record<string, string>> {
  const { gateway, routes, mtu, others = [] } = lease;
  const entries = [
    ['router', gateway],
    ['routes', routes.map((route) => routeText(route)).join(', ')],
    ['mtu', mtu === undefined ? undefined : String(mtu)],
    ...others.map(({ code, value }) => [nameOfOption(code), value] as const),
  ] as const;
  const isSent = (entry: readonly [string, string | undefined]): entry is [string, string] =>
    entry[1] !== undefined && entry[1] !== '';
  return Object.fromEntries(entries.filter(isSent));
}

function routeText({ destination, prefixLength, via }: Route): string {
  return `${destination}/${prefixLength}${via === undefined ? '' : ` via ${via}`}`;
}
