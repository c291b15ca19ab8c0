/** What IPv6 says to an operator: the DHCPv6 client, and the routers of a segment. */
import type { Effect } from '../../dhcp6/client/client.ts';
import type { InformationEffect } from '../../dhcp6/client/information.ts';
import type { Logger } from '../../logger.ts';
import { INFINITE_LIFETIME } from '../../ndp/options.ts';
import { prefixesOf, type Router } from '../../ndp/routers.ts';
import { secondsToMs, type Instant } from '../../vocabulary/time.ts';
import type { Mac } from '../../wire/address.ts';
import { formatSubnet6, type Ipv6 } from '../../wire/address6.ts';

/** Of what a server says. */
const LONGEST_TEXT = 200;

type Told = Exclude<Effect | InformationEffect, { readonly type: 'send' | 'check' | 'lease' }>;

export function reportDhcp6(log: Logger, effect: Told): void {
  switch (effect.type) {
    case 'refused':
      return log.warn(
        { by: effect.by, status: effect.status, text: effect.text.slice(0, LONGEST_TEXT) },
        'DHCPv6 server refused',
      );
    case 'unanswered': {
      const { serverId: server } = effect.lease;
      return effect.since === 'T1'
        ? log.info({ server }, 'IPv6 lease not renewed yet: its server does not answer')
        : log.warn({ server }, 'IPv6 lease not renewed: its server does not answer, all are asked');
    }
    case 'ignored':
      return log.debug({ reason: effect.reason }, 'DHCPv6 message ignored');
    case 'withheld':
      return log.error(
        { address: effect.address },
        'conflict not told to the DHCPv6 server: too many DECLINEs lately',
      );
    case 'informed':
      return log.debug({ server: effect.information.serverId }, 'DHCPv6 server has informed');
  }
}

/** What one router tells, for a status. */
export interface RouterSeen {
  readonly address: Ipv6;
  readonly mac: Mac;
  /** Until when it leads elsewhere. In the past if it does not. */
  readonly routerUntil: Instant;
  /** The flags M and O: addresses, or other configuration, come from a DHCPv6 server. */
  readonly isManaged: boolean;
  readonly hasOtherConfig: boolean;
  readonly prefixes: readonly {
    readonly subnet: string;
    /** Addresses are made of it (the A flag). */
    readonly isAutonomous: boolean;
    /** Infinity for one without end. */
    readonly validUntil: Instant;
  }[];
  readonly dnsServers: readonly Ipv6[];
  readonly domainSearch: readonly string[];
}

export function routerSeen(router: Router): RouterSeen {
  const { address, mac, advertisement, heardAt } = router;
  const { routerLifetime, isManaged, hasOtherConfig, options } = advertisement;
  return {
    ...{ address, mac, isManaged, hasOtherConfig },
    routerUntil: heardAt + secondsToMs(routerLifetime),
    prefixes: prefixesOf(router).map(({ option, heardAt: since }) => ({
      subnet: formatSubnet6(option.subnet),
      isAutonomous: option.isAutonomous,
      validUntil:
        option.validLifetime === INFINITE_LIFETIME
          ? Infinity
          : since + secondsToMs(option.validLifetime),
    })),
    dnsServers: options.flatMap((option) => (option.type === 'rdnss' ? option.servers : [])),
    domainSearch: options.flatMap((option) => (option.type === 'dnssl' ? option.names : [])),
  };
}
