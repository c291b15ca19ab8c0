/** `dns=lease` where the lease has DNS servers of IPv6: whose servers they are, and which count. */
import { expect, it } from 'vitest';
import { DnsAsked } from '../../../../plugin/endpoints/dns/dns-asked.ts';
import { DnsChanges, type DnsChangesDeps } from '../../../../plugin/endpoints/dns/dns-changes.ts';
import { KeyedLock } from '../../../../plugin/keyed-lock.ts';
import type { EndpointRecord } from '../../../../plugin/state/lease-records.ts';
import type { NetworkRecord } from '../../../../plugin/state/records.ts';
import type { DnsRedirect, DnsServer } from '../../../../plugin/vocabulary/dns-redirect.ts';
import { FakeClock } from '../../../support/time/fake-clock.ts';
import { MemoryLogger } from '../../../support/fakes/memory-logger.ts';
import { ip, ip6 } from '../../../support/frames/messages.ts';

const [ASKED, ASKED6] = [ip('10.99.0.53'), ip6('2001:db8:99::53')];
const OF_SERVER = '2001:db8:500::1';
const OF_ROUTER = '2001:db8:500::2';

/** An endpoint whose link is in its sandbox. */
async function endpoint(parts: {
  readonly leased4?: readonly string[];
  readonly leased6?: readonly string[];
  readonly routers?: readonly string[];
}) {
  const told = { routers: parts.routers ?? [] };
  const set: (readonly DnsRedirect[])[] = [];
  const ofLease = (dnsServers: readonly string[] | undefined) => dnsServers && { dnsServers };
  const record = {
    ...{ id: 'e', leaseId: 'l', networkId: 'n', sandboxKey: '/x', containerEnd: 'vdc1' },
    ...{ dnsAsked: [ASKED, ASKED6], terms: {}, lease: ofLease(parts.leased4) },
    ipv6: { lease: ofLease(parts.leased6) },
  } as unknown as EndpointRecord;
  const changes = new DnsChanges({
    ...{ clock: new FakeClock(), log: new MemoryLogger(), lock: new KeyedLock() },
    registry: { findEndpoint: () => record },
    leases: { ipv6: () => ({ dnsServers: told.routers }) },
    host: {
      setSandboxDns: (_place: unknown, redirects: readonly DnsRedirect[]) => {
        set.push(redirects);
        return Promise.resolve(true);
      },
    },
    sandboxPath: (key: string) => key,
  } as unknown as DnsChangesDeps);
  await changes.entered(record);
  const rules = () => set.at(-1)?.map(({ from, to }) => `${from}>${to}`);
  return { changes, rules, told };
}

it('those of the DHCPv6 server, before those that routers tell', async () => {
  const { rules } = await endpoint({ leased6: [OF_SERVER], routers: [OF_ROUTER] });
  expect(rules()).toEqual([`${ASKED6}>${OF_SERVER}`]);
});

it('those of the routers, if no server has any; a change of IPv6 brings others', async () => {
  const { changes, rules, told } = await endpoint({ routers: ['fe80::1', OF_ROUTER] });
  expect(rules()).toEqual([`${ASKED6}>${OF_ROUTER}`]); // fe80::1 would need the name of a link
  told.routers = [OF_SERVER];
  await changes.leaseChanged('e');
  expect(rules()).toEqual([`${ASKED6}>${OF_SERVER}`]);
  told.routers = [];
  await changes.leaseChanged('e');
  expect(rules()).toEqual([]);
});

it('beside those of the IPv4 lease, each for its own family', async () => {
  const { rules } = await endpoint({ leased4: ['10.50.0.1'], leased6: [OF_SERVER] });
  expect(rules()).toEqual([`${ASKED}>10.50.0.1`, `${ASKED6}>${OF_SERVER}`]);
});

it.each([
  ['IPv4 alone', { ipv4: true, ipv6: undefined }, [ASKED]],
  ['IPv6 alone', { ipv4: false, ipv6: 'auto' }, [ASKED6]],
  ['both', { ipv4: true, ipv6: 'auto' }, [ASKED, ASKED6]],
])('a network with %s: Docker asks from the container by what it has', (_what, has, expected) => {
  const servers: DnsServer[] = [ASKED, ip('127.0.0.53'), ip6('::1'), ip6('fe80::1'), ASKED6];
  const asked = new DnsAsked({
    host: { readHostDns: () => ({ servers, isOutdated: false }) },
    log: new MemoryLogger(),
  });
  const options = { dns: 'lease', dnsInsteadOf: [], ...has };
  expect(asked.forNetwork({ id: 'n', options } as unknown as NetworkRecord)).toEqual(expected);
});
