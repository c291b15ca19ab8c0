/** What an ACK configures, in the words of lease.ts (RFC 2132, RFC 3442). */
import type { LeaseTerms, Route } from '../lease.ts';
import {
  ipv4FromNumber,
  ipv4ToNumber,
  isInSubnet,
  isUnicastIpv4,
  networkOf,
} from '../wire/address.ts';
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
  const { options, yiaddr: address } = ack;
  // Without option 1 the class decides, as RFC 950 §2.1 has it and as ISC's client does: servers
  // that omit the mask mean it, and a /32 would cut the container off from its neighbours.
  const prefixLength = prefixLengthOf(options) ?? classfulPrefixLength(address);
  return {
    address,
    prefixLength,
    ...routingOf(options, (router) => isRouter(router, address, prefixLength)),
    mtu: u16Of(options, OPTION.INTERFACE_MTU),
    dnsServers: (ipv4ListOf(options, OPTION.DOMAIN_NAME_SERVER) ?? []).filter(isUnicastIpv4),
    domainName: domainNameOf(options),
    domainSearch: domainSearchOf(options) ?? [],
    serverId,
    serverMac,
  };
}

/**
 * True if a container configured for one needs no change for the other. The server may differ, and so may DNS servers,
 * domain and search list, which nobody applies to a container.
 */
export function isSameConfiguration(one: LeaseTerms, other: LeaseTerms): boolean {
  return configurationKey(one) === configurationKey(other);
}

function configurationKey(terms: LeaseTerms): string {
  const { address, prefixLength, gateway, mtu } = terms;
  const routes = terms.routes.map((route) => [route.destination, route.prefixLength, route.via]);
  return JSON.stringify([address, prefixLength, gateway, mtu, routes]);
}

/**
 * RFC 3442: option 121 replaces options 3 and 33, also when it has no default route. A default route
 * without a router has no place in our words and is dropped, and so is a route over no router.
 */
function routingOf(
  options: Options,
  isUsable: (router: Ipv4) => boolean,
): Pick<LeaseTerms, 'gateway' | 'routes'> {
  const goesSomewhere = ({ via }: Route): boolean => via === undefined || isUsable(via);
  const classless =
    classlessRoutesOf(options, OPTION.CLASSLESS_ROUTE) ??
    classlessRoutesOf(options, OPTION.MICROSOFT_CLASSLESS_ROUTE);
  if (classless === undefined) {
    return {
      gateway: ipv4ListOf(options, OPTION.ROUTER)?.find(isUsable),
      routes: (staticRoutesOf(options) ?? []).filter(goesSomewhere),
    };
  }
  const isDefault = (route: Route): boolean => route.prefixLength === 0;
  const usable = classless.filter(goesSomewhere);
  return {
    gateway: usable.find((route) => isDefault(route) && route.via !== undefined)?.via,
    routes: usable.filter((route) => !isDefault(route)),
  };
}

/** True if another host may have that address: not the lease's own, nor its subnet's first and last. */
function isRouter(router: Ipv4, address: Ipv4, prefixLength: number): boolean {
  if (!isUnicastIpv4(router) || router === address) return false;
  // RFC 3021: in a /31 both addresses are hosts; a /32 has no neighbours.
  if (prefixLength > 30 || !isInSubnet(router, address, prefixLength)) return true;
  const network = networkOf(address, prefixLength);
  const broadcast = ipv4FromNumber(ipv4ToNumber(network) + 2 ** (32 - prefixLength) - 1);
  return router !== network && router !== broadcast;
}
