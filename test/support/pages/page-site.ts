/** Networks, leases and events of a made-up host, for the tests of the status page. */
import { EventBus } from '../../../plugin/events/event-bus.ts';
import type { LeaseEvent } from '../../../plugin/events/events.ts';
import type { LeaseEntry } from '../../../plugin/state/status/lease-list.ts';
import type { NetworkEntry } from '../../../plugin/state/status/network-list.ts';
import { leaseEntry, networkEntry } from '../fakes/lease-entries.ts';
import { seededRandom } from '../time/seeded-random.ts';

const MINUTE = 60_000;
const VLANS = [500, 600, 700];
const SERVICES = [
  'asterisk',
  'proxy',
  'web',
  'mail',
  'db',
  'cache',
  'queue',
  'radius',
  'ntp',
  'api',
];

export interface PageSite {
  readonly bus: EventBus;
  networks: NetworkEntry[];
  leases: LeaseEntry[];
  /** The lease of this name is lost from now on, and an event says so. */
  lose(name: string): void;
}

/** @param count of leases. They are of three networks, and the events of an hour tell of them. */
export function pageSite(count: number): PageSite {
  const now = Date.now();
  let wall = now - 60 * MINUTE;
  const bus = new EventBus({ wall: () => wall }, 5_000);
  const random = seededRandom(7);
  const networks = VLANS.map((vlan) =>
    networkEntry({
      network: networkId(vlan),
      segment: `VLAN ${vlan} of eth1`,
      bridge: `br${vlan}`,
      name: dockerNameOf(vlan),
    }),
  );
  const leases = Array.from({ length: count }, (_, index) => lease(index, now));
  for (const { network, segment, mode } of networks) {
    bus.emit({ type: 'network.created', network, segment, mode: mode ?? 'bridge' });
  }
  for (const [index, entry] of leases.entries()) {
    wall = now - 60 * MINUTE + Math.floor((index / count) * 40 * MINUTE);
    const answerMs = Math.round(20 + random() ** 4 * 20_000) / 10;
    bus.emit(eventOf(entry, 'lease.acquired', { answerMs, tookMs: answerMs + 40 }));
    if (entry.state === 'held') bus.emit(eventOf(entry, 'lease.held'));
    if (entry.lost !== undefined) bus.emit(eventOf(entry, 'lease.lost', { cause: 'expired' }));
  }
  for (const [index, entry] of leases.slice(0, Math.floor(count / 3)).entries()) {
    wall = now - 20 * MINUTE + Math.floor((index / count) * 60 * MINUTE);
    if (entry.state !== 'leased') continue;
    const answerMs = Math.round(15 + random() ** 4 * 3_000) / 10;
    bus.emit(eventOf(entry, 'lease.renewed', { answerMs }));
  }
  const site: PageSite = {
    ...{ bus, networks, leases },
    lose: (name) => {
      wall = Date.now();
      site.leases = site.leases.map((entry) => (entry.name === name ? lostNow(entry) : entry));
      const entry = site.leases.find((one) => one.name === name);
      if (entry === undefined) throw new Error(`the site has no lease of ${name}`);
      bus.emit(eventOf(entry, 'lease.lost', { cause: 'expired' }));
    },
  };
  return site;
}

export function eventOf(
  { endpoint, network, segment, mac, address, server }: LeaseEntry,
  type: LeaseEvent['type'],
  more: Partial<LeaseEvent> = {},
): LeaseEvent {
  const bare = address?.split('/')[0];
  return { type, endpoint, network, segment, mac, family: 4, address: bare, server, ...more };
}

/** One network was made after Docker's API was asked. */
function dockerNameOf(vlan: number): string | undefined {
  return vlan === 700 ? undefined : `fw${vlan}`;
}

function networkId(vlan: number): string {
  return `${vlan}f0c5a`.repeat(8).padEnd(64, '0');
}

function lease(index: number, now: number): LeaseEntry {
  const vlan = VLANS[index % VLANS.length] ?? 500;
  const hex = index.toString(16).padStart(4, '0');
  const iso = (minutes: number) => new Date(now + minutes * MINUTE).toISOString();
  const address = `10.${vlan / 10}.${Math.floor(index / 200)}.${20 + (index % 200)}/24`;
  const entry = leaseEntry({
    ...{ network: networkId(vlan), segment: `VLAN ${vlan} of eth1`, address },
    ...{ endpoint: hex.repeat(16), mac: `02:42:0a:${hex.slice(0, 2)}:${hex.slice(2)}:01` },
    ...{ gateway: `10.${vlan / 10}.0.1`, server: `10.${vlan / 10}.0.1` },
    identity: {
      ...{ clientId: `01:02:42:0a:${hex.slice(0, 2)}:${hex.slice(2)}:01`, isByClientId: false },
      ...{ hostName: undefined, duid: undefined, isStable: true },
    },
    ...{ renewsAt: iso(30), rebindsAt: iso(52), expiresAt: iso(35 + (index % 50)) },
  });
  const name = `${SERVICES[index % SERVICES.length]}-${Math.floor(index / SERVICES.length) + 1}`;
  const named: LeaseEntry = {
    ...{ ...entry, name, nameFrom: 'docker', networkName: dockerNameOf(vlan) },
  };
  if (index % 30 === 17) return lostNow(named, now - 4 * MINUTE);
  if (index % 30 === 11) {
    const renewal = { since: iso(-3), until: iso(12) };
    return { ...named, state: 'renewing', renewal };
  }
  if (index % 30 === 23) {
    return { ...named, state: 'held', holder: 'nobody', heldSince: iso(-9) };
  }
  return named;
}

function lostNow(entry: LeaseEntry, at = Date.now()): LeaseEntry {
  return {
    ...{ ...entry, address: undefined, server: undefined, state: 'no lease' },
    ...{ renewsAt: undefined, rebindsAt: undefined, expiresAt: undefined },
    lost: { at: new Date(at).toISOString(), cause: 'expired' },
  };
}
