/** What an ACK configures, in the words of lease.ts (RFC 2132, RFC 3442). */
import type { LeaseTerms, Route } from '../lease.ts';
import { isUnicastIpv4 } from '../wire/address.ts';
import type { Ipv4, Mac } from '../wire/address.ts';
import type { Dhcp4Message } from './message.ts';
import {
  classfulPrefixLength,
  classlessRoutesOf,
  domainNameOf,
  domainSearchOf,
  ipv4ListOf,
  OPTION,
  prefixLengthOf,
  staticRoutesOf,
  u16Of,
} from './options.ts';
import type { Options } from './options.ts';

/** @param serverId option 54 of the ACK. @param serverMac source of the frame that carried it. */
export function leaseTermsOf(ack: Dhcp4Message, serverId: Ipv4, serverMac: Mac): LeaseTerms {
  const { options } = ack;
  return {
    address: ack.yiaddr,
    // Without option 1 the class decides, as RFC 950 §2.1 has it and as ISC's client does: servers
    // that omit the mask mean it, and a /32 would cut the container off from its neighbours.
    prefixLength: prefixLengthOf(options) ?? classfulPrefixLength(ack.yiaddr),
    ...routingOf(options),
    mtu: u16Of(options, OPTION.INTERFACE_MTU),
    dnsServers: (ipv4ListOf(options, OPTION.DOMAIN_NAME_SERVER) ?? []).filter(isUnicastIpv4),
    domainName: domainNameOf(options),
    domainSearch: domainSearchOf(options) ?? [],
    serverId,
    serverMac,
  };
}

/** True if a container configured for one needs no change for the other; the server may differ. */
export function isSameConfiguration(one: LeaseTerms, other: LeaseTerms): boolean {
  return configurationKey(one) === configurationKey(other);
}

function configurationKey(terms: LeaseTerms): string {
  const { address, prefixLength, gateway, mtu, dnsServers, domainName, domainSearch } = terms;
  const routes = terms.routes.map((route) => [route.destination, route.prefixLength, route.via]);
  return JSON.stringify([
    ...[address, prefixLength, gateway, mtu, domainName],
    ...[dnsServers, domainSearch, routes],
  ]);
}

/**
 * RFC 3442: option 121 replaces options 3 and 33, also when it has no default route. A default route
 * without a router has no place in our words and is dropped.
 */
function routingOf(options: Options): Pick<LeaseTerms, 'gateway' | 'routes'> {
  const classless =
    classlessRoutesOf(options, OPTION.CLASSLESS_ROUTE) ??
    classlessRoutesOf(options, OPTION.MICROSOFT_CLASSLESS_ROUTE);
  if (classless === undefined) {
    return {
      gateway: ipv4ListOf(options, OPTION.ROUTER)?.find(isUnicastIpv4),
      routes: staticRoutesOf(options) ?? [],
    };
  }
  const isDefault = (route: Route): boolean => route.prefixLength === 0;
  const usable = classless.filter(({ via }) => via === undefined || isUnicastIpv4(via));
  return {
    gateway: usable.find((route) => isDefault(route) && route.via !== undefined)?.via,
    routes: usable.filter((route) => !isDefault(route)),
  };
}
