import { expect, it } from 'vitest';
import { routerSeen } from '../../../../plugin/leasing/ipv6/ipv6-report.ts';
import { hearRouter, NO_ROUTERS } from '../../../../plugin/ndp/routers.ts';
import { ipv6Status, routerStatus } from '../../../../plugin/state/status/ipv6-status.ts';
import { NO_IPV6, storeLease6 } from '../../../../plugin/state/stored-ipv6.ts';
import { FakeClock } from '../../../support/time/fake-clock.ts';
import { ip6 } from '../../../support/frames/messages.ts';
import { ADDRESS6, DNS6, lease6 } from '../../../support/frames/messages6.ts';
import { advertisement, prefix } from '../../ndp/ndp-messages.ts';

const now = 100_000_000;
const ADDRESS = { address: ip6(ADDRESS6), prefixLength: 128, source: 'dhcp' } as const;

it('a container: its address, where it is from, and of a lease its server, times and DNS', () => {
  const clock = new FakeClock({ now });
  const lease = lease6({ requestedAt: now });
  const iso = (instant: number) => new Date(clock.wall() + instant - now).toISOString();
  const stored = { ...NO_IPV6, address: ADDRESS, lease: storeLease6(lease, clock) };
  expect(ipv6Status(stored, clock)).toEqual({
    ...{ address: `${ADDRESS6}/128`, from: 'dhcp' },
    lease: {
      server: lease.serverId,
      renewsAt: iso(lease.t1At),
      expiresAt: iso(lease.addresses[0]!.validUntil),
      ...{ dnsServers: lease.dnsServers, domainSearch: lease.domainSearch },
    },
  });
  expect(ipv6Status(NO_IPV6, clock)).toEqual({
    ...{ address: undefined, from: undefined, lease: undefined },
  });
});

it('a router: what it leads to and until when, its prefixes, and the DNS that it tells', () => {
  const clock = new FakeClock({ now });
  const heard = advertisement({
    isManaged: true,
    options: [
      prefix('2001:db8:500::/64', { validLifetime: 0xffffffff }),
      { type: 'rdnss', servers: [ip6(DNS6)], lifetime: 600 },
      { type: 'dnssl', names: ['site.example'], lifetime: 600 },
    ],
  });
  const [router] = hearRouter(NO_ROUTERS, heard, now).table;
  const until = clock.wall() + heard.message.routerLifetime * 1000;
  expect(routerStatus(routerSeen(router!), clock)).toEqual({
    ...{ address: heard.source, mac: heard.sourceMac, flags: ['managed'] },
    defaultUntil: new Date(until).toISOString(),
    prefixes: [{ subnet: '2001:db8:500::/64', autonomous: true, validUntil: 'infinite' }],
    ...{ dnsServers: [DNS6], domainSearch: ['site.example'] },
  });
  const gone = hearRouter(
    NO_ROUTERS,
    { ...heard, message: { ...heard.message, routerLifetime: 0 } },
    now,
  );
  expect(routerStatus(routerSeen(gone.table[0]!), clock).defaultUntil).toBeUndefined();
});
