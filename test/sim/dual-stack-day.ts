/** What happens on the day of `dual-stack.ts`, hour by hour, and what must be true of it. */
import { ipv4Value, OPTION } from '../../plugin/dhcp4/options.ts';
import { duidOfMac } from '../../plugin/vocabulary/ipv6/duid.ts';
import { interfaceIdOf, joinAddress, subnet6Of } from '../../plugin/wire/address6.ts';
import { ModelRouter } from '../support/lan/model-router.ts';
import { ModelServer6 } from '../support/lan/model-server6.ts';
import { ip, ip6, mac } from '../support/frames/messages.ts';
import { ScriptedServer } from '../support/lan/scripted-server.ts';
import { VirtualSegment } from '../support/lan/virtual-segment.ts';
import { prefix } from '../unit/ndp/ndp-messages.ts';
import { DualStackHost, type Box } from './dual-stack.ts';

const MINUTE = 60_000;
const LOSS = 0.05;
const FIRST = '2001:db8:500::';
const SECOND = '2001:db8:501::';
const RENUMBERED = '2001:db8:502::';

export interface DualDay {
  readonly host: DualStackHost;
  readonly changes: Readonly<Record<string, number>>;
  /** How many running containers have no IPv4, or no IPv6, after each part. */
  readonly without: Readonly<Record<string, readonly [ipv4: number, ipv6: number]>>;
}

export async function spendDualDay(seed: number, count: number, hours: number): Promise<DualDay> {
  const segment = new VirtualSegment(seed, LOSS);
  addServers(segment, count);
  const router = (host: string, net: string) =>
    new ModelRouter(segment, mac(`02:00:00:00:01:${host}`), {
      ...{ isManaged: true, routerLifetime: 1_800 },
      prefixes: [prefix(`${net}/64`, { validLifetime: 7_200, preferredLifetime: 3_600 })],
    });
  const [first, second] = [router('01', FIRST), router('02', SECOND)];
  const host = new DualStackHost(segment, count);
  claimAddressOf(segment, host.boxes[1]!);
  const { clock, random } = segment;
  const without: Record<string, readonly [number, number]> = {};
  const part = (hours * 60 * MINUTE) / 8;
  let at = 0;
  /** The next part of the day ends. */
  const pass = async (name: string): Promise<void> => {
    at += part;
    await host.runUntil(at);
    without[name] = [host.without(({ lease }) => lease), host.without(({ has }) => has)];
  };
  const sometimeSoon = (act: () => void) => clock.after(random() * part * 0.7, act);

  for (const [index, box] of host.boxes.entries())
    clock.after(index * 5_000, () => host.start(box));
  await pass('calm');

  for (const [index, box] of host.boxes.entries()) {
    const back = () => clock.after(5_000 + random() * MINUTE, () => host.start(box));
    sometimeSoon(() => {
      if (index % 2 === 0) host.stop(box);
      else host.remove(box);
      back();
    });
  }
  for (let kill = 0; kill < 5; kill += 1) sometimeSoon(() => host.kill());
  await pass('restarts and kills');

  // Without a word. Another machine takes its place.
  first.isUp = false;
  clock.after(part / 2, () => {
    first.mac = mac('02:00:00:00:01:03');
    first.isUp = true;
  });
  await pass('a router is replaced');

  const ends = prefix(`${FIRST}/64`, { validLifetime: 0, preferredLifetime: 0 });
  const begins = prefix(`${RENUMBERED}/64`, { validLifetime: 7_200, preferredLifetime: 3_600 });
  first.say({ prefixes: [ends, begins] });
  host.kill();
  await pass('renumbered');

  for (const each of [first, second]) each.say({ isManaged: false });
  sometimeSoon(() => first.say({ routerLifetime: 0 }));
  await pass('no M flag, one router is none');

  for (const each of [first, second]) each.say({ isManaged: true, routerLifetime: 1_800 });
  segment.servers6[0]?.forget();
  for (const box of host.boxes.filter((_box, index) => index % 50 === 2)) {
    host.remove(box);
    clock.after(MINUTE, () => host.start(box));
  }
  await pass('a server has forgotten all');

  // Longer than each lifetime, if the day is long enough.
  for (const each of segment.routers) each.isUp = false;
  for (const server of segment.servers6) server.mood = 'silent';
  sometimeSoon(() => host.kill());
  await pass('IPv6 is silent');

  for (const each of segment.routers) each.isUp = true;
  for (const server of segment.servers6) server.mood = 'full';
  clock.after(10 * MINUTE, () => {
    for (const server of segment.servers6) server.mood = 'normal';
  });
  await pass('IPv6 is back');

  const changes: Record<string, number> = {};
  for (const change of host.boxes.flatMap((box) => box.changes)) {
    changes[change] = (changes[change] ?? 0) + 1;
  }
  return { host, changes, without };
}

/**
 * Everybody has both families at the end of each part, with two exceptions. While IPv6 is silent
 * the leases of DHCPv6 end, and those addresses of prefixes that no kill has kept. Another host has
 * the address that one container would make of the first prefix, so that container has none until
 * the site is renumbered.
 */
export function expectedOf({ host, without }: DualDay): DualDay['without'] {
  const silent = 'IPv6 is silent';
  const isLeased = host.boxes.filter(({ mode }) => mode === 'dhcp').length;
  const missing: Readonly<Record<string, number>> = {
    ...{ calm: 1, 'restarts and kills': 1, 'a router is replaced': 1 },
    [silent]: Math.max(isLeased, without[silent]?.[1] ?? 0),
  };
  return Object.fromEntries(Object.keys(without).map((name) => [name, [0, missing[name] ?? 0]]));
}

function addServers(segment: VirtualSegment, count: number): void {
  segment.servers4.push(
    new ScriptedServer({
      ...{ serverId: ip('192.0.2.1'), mac: mac('02:00:00:00:00:01'), leaseSec: 3_600 },
      pool: Array.from({ length: 2 * count }, (_, one) => ip(`10.1.${one >> 8}.${one & 255}`)),
      options: [[OPTION.SUBNET_MASK, ipv4Value(ip('255.0.0.0'))]],
    }),
  );
  for (const [net, preference] of [
    [1, 10],
    [2, 0],
  ] as const) {
    const own = mac(`02:00:00:00:00:0${net}`);
    segment.servers6.push(
      new ModelServer6({
        ...{ duid: duidOfMac(own), mac: own, preference, rapidCommit: false },
        ...{ preferredSec: 2_400, validSec: 3_600, onLink: subnet6Of(ip6(FIRST), 64) },
        pool: Array.from({ length: 3 * count }, (_, one) =>
          ip6(`${FIRST}${net}:${(one + 1).toString(16)}`),
        ),
      }),
    );
  }
}

/** Another host has the address that this container would make of the first prefix. */
function claimAddressOf(segment: VirtualSegment, { subject }: Box): void {
  const own = interfaceIdOf(subject.identity.mac);
  segment.owners.set(joinAddress(ip6(FIRST), 64, own), mac('02:00:00:00:02:01'));
}
