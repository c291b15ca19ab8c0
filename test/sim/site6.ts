/**
 * A day at a site with DHCPv6, in virtual time. Many clients are on one segment, with two servers,
 * a pool each, and a lossy wire. Containers and the plugin start again, links go and come, a server
 * forgets everything, both are silent for a while, and both are full for a while. `VirtualLan6`
 * checks its rules after each step. The result is what must be true of the day as a whole.
 */
import { duidOfMac } from '../../plugin/vocabulary/ipv6/duid.ts';
import { subnet6Of } from '../../plugin/wire/address6.ts';
import { ip6, mac } from '../support/frames/messages.ts';
import { ModelServer6 } from '../support/lan/model-server6.ts';
import type { Weather } from '../support/lan/virtual-lan.ts';
import { VirtualLan6 } from '../support/lan/virtual-lan6.ts';

const MINUTE = 60_000;

/** Frames overtake each other, because delays differ by more than a client's first resend. */
const WEATHER: Weather = { loss: 0.05, duplication: 0.02, leastDelayMs: 1, mostDelayMs: 1_200 };

export interface Day6 {
  readonly lan: VirtualLan6;
  /** How many clients have no address at these moments. */
  readonly without: Readonly<Record<'calm' | 'afterForgetting' | 'atEnd', number>>;
  readonly changes: Readonly<Record<string, number>>;
  /** The most messages of all clients in one second. */
  readonly busiestSecond: number;
}

export function spendDay6(seed: number, clientCount: number, minutes: number): Day6 {
  const lan = new VirtualLan6(seed, WEATHER);
  const server = (net: number, preference: number): ModelServer6 => {
    const serverMac = mac(`02:00:00:00:00:0${net}`);
    const pool = Array.from({ length: 3 * clientCount }, (_, host) =>
      ip6(`2001:db8:500::${net}:${(host + 1).toString(16)}`),
    );
    const onLink = subnet6Of(ip6('2001:db8:500::'), 64);
    return new ModelServer6({
      ...{ duid: duidOfMac(serverMac), mac: serverMac, pool, onLink, preference },
      ...{ preferredSec: 2_400, validSec: 3_600, rapidCommit: net === 2 },
    });
  };
  const [first, second] = [server(1, 10), server(2, 0)];
  lan.servers.push(first, second);
  for (let index = 0; index < clientCount; index += 1) {
    const client = lan.addClient(macOf(index), {
      dad: true,
      rapidCommit: index % 4 === 0,
      retransmit: index % 3 === 0 ? 'rfc9915' : 'container-start',
    });
    lan.schedule(index * 20, () => client.do({ type: 'start' }));
  }
  const countWithout = () => lan.clients.filter(({ using }) => using === undefined).length;
  const part = (minutes * MINUTE) / 6;

  lan.runUntil(part);
  const calm = countWithout();

  // Every container and every link has its turn in the second part, some of them at once.
  for (const [index, client] of lan.clients.entries()) {
    const at = part + Math.floor(lan.random() * part);
    const acts = [
      () => client.restart(),
      () => client.resume(),
      () => client.do({ type: 'link', up: true }),
    ];
    lan.schedule(at, acts[index % acts.length]!);
  }
  lan.runUntil(2 * part);
  // The plugin starts again: all clients at the same moment.
  for (const client of lan.clients) client.resume();

  // The first server has forgotten all. It gives newcomers addresses that others use.
  first.forget();
  for (const [index, client] of lan.clients.entries()) {
    if (index % 8 !== 0) continue;
    client.do({ type: 'release' });
    lan.schedule(2 * part + MINUTE + index * 50, () => client.restart());
  }
  lan.runUntil(3 * part);
  const afterForgetting = countWithout();

  // Longer than a lease.
  for (const each of lan.servers) each.mood = 'silent';
  lan.runUntil(3 * part + 70 * MINUTE);
  for (const each of lan.servers) each.mood = 'full';
  for (const each of lan.servers) each.forget();
  lan.runUntil(3 * part + 80 * MINUTE);
  for (const each of lan.servers) each.mood = 'normal';
  // SOLICIT may wait for an hour after the silence (SOL_MAX_RT).
  lan.runUntil(6 * part);

  const changes: Record<string, number> = {};
  for (const change of lan.clients.flatMap((client) => client.changes)) {
    changes[change] = (changes[change] ?? 0) + 1;
  }
  return {
    ...{ lan, changes, without: { calm, afterForgetting, atEnd: countWithout() } },
    busiestSecond: Math.max(...lan.sendsIn.values()),
  };
}

function macOf(index: number) {
  const hex = (value: number) => value.toString(16).padStart(2, '0');
  return mac(`02:00:00:01:${hex(index >> 8)}:${hex(index & 255)}`);
}
