// Days of leases in milliseconds: the machine on a wire that loses, delays, doubles and reorders
// frames. VirtualLan checks the rules that must always be true after each step.
import { describe, expect, it } from 'vitest';
import { ip, mac, SERVER, SERVER_MAC } from '../support/frames/messages.ts';
import { ScriptedServer } from '../support/lan/scripted-server.ts';
import type { ServerSettings } from '../support/lan/scripted-server.ts';
import { FAIR, VirtualLan } from '../support/lan/virtual-lan.ts';
import type { SimulatedClient, Weather } from '../support/lan/virtual-lan.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const POOL = Array.from({ length: 20 }, (_, index) => ip(`192.0.2.${index + 100}`));
const OTHER_POOL = Array.from({ length: 20 }, (_, index) => ip(`192.0.2.${index + 200}`));

function server(overrides: Partial<ServerSettings> = {}): ScriptedServer {
  return new ScriptedServer({
    serverId: SERVER,
    mac: SERVER_MAC,
    pool: POOL,
    leaseSec: 3600,
    ...overrides,
  });
}

function otherServer(overrides: Partial<ServerSettings> = {}): ScriptedServer {
  return server({
    serverId: ip('192.0.2.2'),
    mac: mac('02:00:00:00:00:02'),
    pool: OTHER_POOL,
    ...overrides,
  });
}

const STORM: Weather = { loss: 0.3, duplication: 0.2, leastDelayMs: 0, mostDelayMs: 3 * SECOND };

describe('one server', () => {
  it('renews at T1 for three days and keeps one address', () => {
    const lan = new VirtualLan(1);
    lan.addServer(server());
    const client = lan.addClient('web-1');
    client.do({ type: 'start' });
    lan.runUntil(3 * DAY);
    expect(new Set(client.changes)).toEqual(new Set(['acquired', 'renewed']));
    expect(client.using?.address).toBe(POOL[0]);
    // Two messages for the lease, then one REQUEST per half hour, ±5 %.
    expect(client.sentAt.length).toBeGreaterThan(2 + (3 * 48) / 1.06);
    expect(client.sentAt.length).toBeLessThan(2 + (3 * 48) / 0.94);
  });

  it.each([1, 2, 3, 4])('keeps every rule for half a day of storm: seed %i', (seed) => {
    const lan = new VirtualLan(seed, STORM);
    const one = lan.addServer(server({ leaseSec: 600 }));
    const clients: SimulatedClient[] = ['a', 'b', 'c'].map((name, index) =>
      lan.addClient(name, {
        clientId: Uint8Array.of(0, 1, index),
        mac: mac(`02:00:00:00:00:a${index}`),
        acd: index > 0,
        retransmit: index === 2 ? 'rfc2131' : 'container-start',
      }),
    );
    for (const client of clients) client.do({ type: 'start' });
    for (let hour = 1; hour <= 12; hour += 1) {
      lan.runUntil(hour * HOUR);
      for (const client of clients) {
        if (client.using === undefined) continue;
        // The client never believes in a lease for longer than its server.
        const until = one.boundUntil(client.config.clientId, client.using.address);
        expect(client.using.expiresAt).toBeLessThanOrEqual(until);
      }
    }
    lan.weather = FAIR;
    lan.runUntil(12 * HOUR + 10 * MINUTE);
    const addresses = clients.map((client) => client.using?.address);
    expect(new Set(addresses).size).toBe(3);
    expect(addresses).not.toContain(undefined);
  });

  it('gives up the address at expiry of a silent server, asks on, and comes back with it', () => {
    const lan = new VirtualLan(2);
    const one = lan.addServer(server());
    const client = lan.addClient('web-1');
    client.do({ type: 'start' });
    lan.runUntil(MINUTE);
    one.mood = 'deaf';
    lan.runUntil(HOUR + MINUTE);
    expect([client.using, client.state.name]).toEqual([undefined, 'SELECTING']);
    lan.runUntil(2 * DAY);
    const sent = client.sentAt.length;
    lan.runUntil(2 * DAY + HOUR);
    expect(client.sentAt.length - sent).toBeGreaterThanOrEqual(55);
    expect(client.sentAt.length - sent).toBeLessThanOrEqual(58);
    one.mood = 'normal';
    lan.runUntil(2 * DAY + HOUR + 2 * MINUTE);
    expect(client.using?.address).toBe(POOL[0]);
    expect(client.changes).toEqual(['acquired', 'lost expired', 'acquired']);
  });

  it('starts over when OFFERs are not followed by ACKs', () => {
    const lan = new VirtualLan(3);
    lan.addServer(server()).mood = 'forgetful';
    const client = lan.addClient('web-1');
    client.do({ type: 'start' });
    lan.runUntil(HOUR);
    expect(client.changes).toEqual([]);
    lan.servers[0]!.mood = 'normal';
    lan.runUntil(HOUR + 2 * MINUTE);
    expect(client.changes).toEqual(['acquired']);
  });

  it('slows down to two messages a minute when every REQUEST is refused', () => {
    const lan = new VirtualLan(4);
    lan.addServer(server()).mood = 'refusing';
    const client = lan.addClient('web-1');
    client.do({ type: 'start' });
    lan.runUntil(2 * HOUR);
    const sent = client.sentAt.length;
    lan.runUntil(3 * HOUR);
    expect(client.sentAt.length - sent).toBeLessThanOrEqual(121);
  });

  it('drops the lease when a renewal is refused, and takes a new one', () => {
    const lan = new VirtualLan(5);
    const one = lan.addServer(server({ refusesStrangers: true }));
    const client = lan.addClient('web-1');
    client.do({ type: 'start' });
    lan.runUntil(MINUTE);
    one.forgetLeases();
    lan.runUntil(HOUR);
    expect(client.changes.slice(0, 3)).toEqual(['acquired', 'lost nak', 'acquired']);
  });

  it('applies new terms at the next renewal', () => {
    const lan = new VirtualLan(6);
    const [one, two] = [server(), server({ options: [[26, Uint8Array.of(5, 0)]] })];
    lan.addServer(one);
    const client = lan.addClient('web-1');
    client.do({ type: 'start' });
    lan.runUntil(MINUTE);
    const { address } = client.using!;
    lan.servers[0] = two;
    // The next server knows the lease, like after a change of configuration.
    two.adopt(client.config.clientId, address, HOUR);
    lan.runUntil(HOUR);
    expect(client.changes.slice(0, 2)).toEqual(['acquired', 'changed']);
    expect(client.using).toMatchObject({ address, mtu: 0x500 });
  });
});

describe('two servers', () => {
  it('uses the first OFFER; the other’s is ignored', () => {
    const lan = new VirtualLan(7);
    lan.addServer(server());
    lan.addServer(otherServer());
    const client = lan.addClient('web-1');
    client.do({ type: 'start' });
    lan.runUntil(DAY);
    expect(client.using?.serverId).toBe(SERVER);
    expect(lan.transcript.filter((line) => line.includes('ignores OFFER'))).toHaveLength(1);
  });

  it('moves to the second server when the first dies', () => {
    const lan = new VirtualLan(8);
    const one = lan.addServer(server());
    lan.addServer(otherServer());
    const client = lan.addClient('web-1');
    client.do({ type: 'start' });
    lan.runUntil(MINUTE);
    one.mood = 'deaf';
    lan.runUntil(HOUR + MINUTE);
    expect(client.using?.serverId).toBe('192.0.2.2');
    expect(client.changes.slice(0, 3)).toEqual(['acquired', 'lost expired', 'acquired']);
  });

  it('keeps its lease through REBINDING while the second server refuses strangers', () => {
    const lan = new VirtualLan(9);
    const one = lan.addServer(server());
    lan.addServer(otherServer({ refusesStrangers: true }));
    const client = lan.addClient('web-1', { allowedServers: [SERVER] });
    client.do({ type: 'start' });
    lan.runUntil(MINUTE);
    one.mood = 'deaf';
    lan.runUntil(55 * MINUTE);
    expect(client.state.name).toBe('REBINDING');
    one.mood = 'normal';
    lan.runUntil(HOUR);
    expect(client.changes).toEqual(['acquired', 'renewed']);
  });
});

describe('conflicts', () => {
  it('declines addresses that hosts without DHCP hold, until one is free', () => {
    const lan = new VirtualLan(10);
    lan.addServer(server());
    for (const address of POOL.slice(0, 3)) lan.occupied.add(address);
    const client = lan.addClient('web-1', { acd: true });
    client.do({ type: 'start' });
    lan.runUntil(MINUTE);
    expect(client.using?.address).toBe(POOL[3]);
    expect(client.changes).toEqual(['acquired']);
  });

  it('slows down when the whole pool is held by others', () => {
    const lan = new VirtualLan(11);
    lan.addServer(server());
    for (const address of POOL) lan.occupied.add(address);
    const client = lan.addClient('web-1', { acd: true });
    client.do({ type: 'start' });
    lan.runUntil(DAY);
    expect(client.using).toBeUndefined();
  });
});

describe('a link that flaps', () => {
  it('keeps lease and address', () => {
    const lan = new VirtualLan(12);
    lan.addServer(server());
    const client = lan.addClient('web-1');
    client.do({ type: 'start' });
    for (let flap = 1; flap <= 20; flap += 1) {
      lan.schedule(flap * 7 * MINUTE, () => client.do({ type: 'link', up: false }));
      lan.schedule(flap * 7 * MINUTE + 500, () => client.do({ type: 'link', up: true }));
    }
    lan.runUntil(4 * HOUR);
    expect(new Set(client.changes)).toEqual(new Set(['acquired', 'renewed']));
    expect(client.using?.address).toBe(POOL[0]);
  });
});

describe('a restart', () => {
  it('of the plugin resumes the lease that the container kept using', () => {
    const lan = new VirtualLan(13);
    lan.addServer(server());
    const before = lan.addClient('web-1');
    before.do({ type: 'start' });
    lan.runUntil(40 * MINUTE);
    const kept = before.using!;
    lan.clients.length = 0;
    const after = lan.addClient('web-1');
    lan.runUntil(58 * MINUTE);
    after.using = kept;
    after.do({ type: 'resume', lease: kept });
    lan.runUntil(2 * HOUR);
    expect(after.using.address).toBe(kept.address);
    expect(new Set(after.changes)).toEqual(new Set(['renewed']));
  });

  it('of the container gets its address back with one REQUEST', () => {
    const lan = new VirtualLan(14);
    lan.addServer(server());
    const before = lan.addClient('web-1');
    before.do({ type: 'start' });
    lan.runUntil(MINUTE);
    lan.clients.length = 0;
    const after = lan.addClient('web-1');
    after.do({ type: 'start', previous: before.using! });
    lan.runUntil(MINUTE + SECOND);
    expect([after.using?.address, after.sentAt.length]).toEqual([before.using?.address, 1]);
  });
});
