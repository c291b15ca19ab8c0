/** The sockets of IPv6, for tests of clients that have none. */
import type { LeaseServiceDeps } from '../../../plugin/leasing/lease-service.ts';

export type Ipv6Sockets = Pick<LeaseServiceDeps, 'openIpv6Socket' | 'openRouterSocket'>;

const refuse = (): never => {
  throw new Error('this test has no IPv6');
};

export const NO_IPV6_SOCKETS = {
  openIpv6Socket: refuse,
  openRouterSocket: refuse,
  onIpv6Change: refuse,
} satisfies Partial<LeaseServiceDeps>;
