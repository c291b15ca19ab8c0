/**
 * A day at a site, in virtual time. Many clients are on one segment, with two servers, a pool each,
 * and a lossy wire. One server is replaced by another that knows nothing. Later both refuse every
 * REQUEST for a while. `VirtualLan` checks its rules after each step. The result is what must be
 * true of the day as a whole.
 */
import type { SimulatedClient, Weather } from '../support/lan/virtual-lan.ts';
import { VirtualLan } from '../support/lan/virtual-lan.ts';
import { ip, mac, SERVER, SERVER_MAC } from '../support/frames/messages.ts';
import { ScriptedServer, type ServerSettings } from '../support/lan/scripted-server.ts';
import { ipv4Value, OPTION } from '../../plugin/dhcp4/options.ts';
import type { Ipv4 } from '../../plugin/wire/address.ts';

const MINUTE = 60_000;

/** Frames overtake each other, because delays differ by more than a client's first resend. */
const WEATHER: Weather = { loss: 0.05, duplication: 0.02, leastDelayMs: 1, mostDelayMs: 1_200 };

export interface Day {
  readonly lan: VirtualLan;
  /** How many clients have no lease at these moments. */
  readonly without: { readonly beforeReplacement: number; readonly atEnd: number };
  readonly changes: Readonly<Record<string, number>>;
  readonly sends: number;
  readonly mostSendsPerClient: number;
}

export function spendDay(seed: number, clientCount: number, minutes: number): Day {
  const lan = new VirtualLan(seed, WEATHER, { keepsTranscript: false });
  const poolOf = (net: number) =>
    Array.from({ length: clientCount }, (_, host) => ip(`10.${net}.${host >> 8}.${host & 255}`));
  const server = (host: number, pool: readonly Ipv4[], more: Partial<ServerSettings> = {}) =>
    new ScriptedServer({
      ...{ serverId: ip(`192.0.2.${host}`), mac: mac(`02:00:00:00:00:0${host}`) },
      // The pool begins with 10.N.0.0. With this mask it is a host's address. With a longer mask it
      // would be the network's own address.
      options: [[OPTION.SUBNET_MASK, ipv4Value(ip('255.0.0.0'))]],
      ...{ pool, leaseSec: 3600, ...more },
    });
  const replaced = lan.addServer(
    server(1, poolOf(1), { serverId: SERVER, mac: SERVER_MAC, leaseSec: 2400 }),
  );
  lan.addServer(server(2, poolOf(2)));

  for (let index = 0; index < clientCount; index += 1) {
    const client = lan.addClient(`c${index}`, identity(index));
    lan.schedule(index * 20, () => client.do({ type: 'start' }));
  }
  const third = (minutes * MINUTE) / 3;
  lan.runUntil(third);
  const beforeReplacement = lan.clients.filter(({ using }) => using === undefined).length;

  const isTaken = (address: Ipv4, clientMac: string) => {
    const user = lan.users.get(address);
    return user !== undefined && user.config.mac !== clientMac;
  };
  lan.servers[lan.servers.indexOf(replaced)] = server(3, poolOf(1), { isTaken });
  lan.runUntil(2 * third);
  for (const each of lan.servers) each.mood = 'refusing';
  lan.runUntil(2 * third + 15 * MINUTE);
  for (const each of lan.servers) each.mood = 'normal';
  lan.runUntil(3 * third);
  return {
    lan,
    without: {
      beforeReplacement,
      atEnd: lan.clients.filter(({ using }) => using === undefined).length,
    },
    changes: countChanges(lan.clients),
    sends: lan.clients.reduce((sum, { sentAt }) => sum + sentAt.length, 0),
    mostSendsPerClient: Math.max(...lan.clients.map(({ sentAt }) => sentAt.length)),
  };
}

/** Every second client probes before use. Every third has the RFC's timing. */
function identity(index: number) {
  const [high, low] = [index >> 8, index & 255];
  const hex = (value: number) => value.toString(16).padStart(2, '0');
  return {
    mac: mac(`02:00:00:01:${hex(high)}:${hex(low)}`),
    clientId: Uint8Array.of(0, high, low),
    acd: index % 2 === 0,
    retransmit: index % 3 === 0 ? ('rfc2131' as const) : ('container-start' as const),
  };
}

function countChanges(clients: readonly SimulatedClient[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const change of clients.flatMap(({ changes }) => changes)) {
    counts[change] = (counts[change] ?? 0) + 1;
  }
  return counts;
}
