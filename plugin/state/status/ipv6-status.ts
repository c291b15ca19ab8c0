/** What an operator sees of IPv6: of a container, and of the routers of its segment. */
import type { Times } from '../../clock.ts';
import type { RouterSeen } from '../../leasing/ipv6/ipv6-report.ts';
import type { Address6 } from '../../vocabulary/ipv6/addressing.ts';
import type { Instant } from '../../vocabulary/time.ts';
import { leasedAddress, restoreLease6, type StoredIpv6 } from '../stored-ipv6.ts';
import { timeText } from './time-text.ts';

/** What an operator sees of a container's IPv6. */
export interface Ipv6Status {
  /** With its prefix length. Undefined while there is none. */
  readonly address: string | undefined;
  readonly from: Address6['source'] | undefined;
  /** Only of a lease. */
  readonly lease:
    | {
        /** The DUID of the server. */
        readonly server: string;
        /** ISO times, or `infinite`. */
        readonly renewsAt: string;
        readonly expiresAt: string;
        readonly dnsServers: readonly string[];
        readonly domainSearch: readonly string[];
      }
    | undefined;
}

export function ipv6Status({ address, lease }: StoredIpv6, clock: Times): Ipv6Status {
  const leased = leasedAddress({ address, lease }, clock);
  return {
    address: address && `${address.address}/${address.prefixLength}`,
    from: address?.source,
    lease:
      lease === undefined || leased === undefined
        ? undefined
        : {
            server: lease.serverId,
            renewsAt: timeOf(restoreLease6(lease, clock).t1At, clock),
            expiresAt: timeOf(leased.validUntil, clock),
            dnsServers: lease.dnsServers,
            domainSearch: lease.domainSearch,
          },
  };
}

/** What an operator sees of a router of the segment. */
export interface RouterStatus {
  readonly address: string;
  readonly mac: string;
  /** ISO times. Undefined if it is no default router. */
  readonly defaultUntil: string | undefined;
  readonly flags: readonly ('managed' | 'other')[];
  readonly prefixes: readonly {
    readonly subnet: string;
    readonly autonomous: boolean;
    /** ISO times, or `infinite`. */
    readonly validUntil: string;
  }[];
  readonly dnsServers: readonly string[];
  readonly domainSearch: readonly string[];
}

export function routerStatus(router: RouterSeen, clock: Times): RouterStatus {
  const { address, mac, routerUntil, isManaged, hasOtherConfig, prefixes } = router;
  return {
    ...{ address, mac, dnsServers: router.dnsServers, domainSearch: router.domainSearch },
    defaultUntil: routerUntil > clock.now() ? timeOf(routerUntil, clock) : undefined,
    flags: [
      ...(isManaged ? (['managed'] as const) : []),
      ...(hasOtherConfig ? (['other'] as const) : []),
    ],
    prefixes: prefixes.map(({ subnet, isAutonomous, validUntil }) => ({
      ...{ subnet, autonomous: isAutonomous, validUntil: timeOf(validUntil, clock) },
    })),
  };
}

function timeOf(instant: Instant, clock: Times): string {
  return timeText(clock.wall() + (instant - clock.now()));
}
