/**
 * What the service of an uplink tells operators, while a hub and a member in memory join, are cut
 * off, change and part.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { uplinkSentence } from '../../../../plugin/uplink/cli/uplink-sentences.ts';
import { observeUplinks } from '../../../../plugin/uplink/watch/observed-uplinks.ts';
import { ServiceTelling } from '../../../../plugin/uplink/watch/service-telling.ts';
import { UPLINK_EVENTS, type UplinkEvent } from '../../../../plugin/uplink/watch/uplink-events.ts';
import { type HostSim, UplinkWorld } from '../../../support/uplink/uplink-world.ts';

const SETTINGS = { eventsKept: 100, listen: undefined, token: undefined, tokenFile: undefined };

let folder: string;
let world: UplinkWorld;
let host: HostSim;
let telling: ServiceTelling<UplinkEvent>;
let metrics: { text(): Promise<string> };

/** A process of the uplink's service, with what the disk has. */
async function boot(): Promise<void> {
  const { clock, log } = world;
  const stateDir = folder;
  telling = new ServiceTelling<UplinkEvent>(UPLINK_EVENTS, {
    ...{ stateDir, settings: SETTINGS, version: '1.2.3', clock, log },
  });
  await telling.open();
  host.watched = (deps) => {
    const records = [...host.disk.values()];
    const counters = () => Promise.resolve(new Map([['refused', 7]]));
    const observed = observeUplinks({ ...deps, telling, clock, records, counters, version: '1' });
    metrics = observed.metrics(() => host.uplinks.status());
    return observed.deps;
  };
  host.boot();
  await host.start();
}

const told = () => telling.history.filter(({ type }) => !type.startsWith('service.'));
const types = () => told().map(({ type }) => type);
const lastOf = (type: string) => told().findLast((event) => event.type === type);

async function joined(): Promise<void> {
  const token = await world.invite();
  await world.until(host.uplinks.join(token, 'uplink0'));
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vlandhcp-watch-'));
  world = new UplinkWorld({ tls: { port: 443, url: 'wss://hub.example.net/' } });
  host = world.host();
  await boot();
});
afterEach(async () => {
  host.uplinks.close();
  await telling.close();
  rmSync(folder, { recursive: true });
});

it('a join: the carrier of the trunk is told after the kernel has it', async () => {
  await joined();
  expect([...types()].sort()).toEqual(['carrier.up', 'uplink.joined']);
  expect(lastOf('uplink.joined')).toMatchObject({
    ...{ uplink: 'uplink0', site: 'hq', name: 'laptop', vlans: [500, 600], held: false },
  });
});

it('a cut, a return and a revocation: each once, with the carrier', async () => {
  await joined();
  const from = types().length;
  world.isCut = true;
  await world.clock.pass(30_000);
  expect(types().slice(from)).toEqual(['uplink.silent', 'carrier.down']);
  world.isCut = false;
  await world.clock.pass(30_000);
  expect([...types().slice(from + 2)].sort()).toEqual(['carrier.up', 'uplink.back']);
  const back = lastOf('uplink.back');
  expect(back?.type === 'uplink.back' && back.silentMs).toBeGreaterThan(29_000);
  await world.operator.revoke('laptop');
  await world.clock.pass(1_000);
  expect(types().slice(from + 4)).toEqual(['uplink.revoked', 'carrier.down']);
  await host.uplinks.leave(undefined);
  expect(types().at(-1)).toBe('uplink.left');
});

it('VLANs, approval and a new key, as the hub gives them', async () => {
  const token = await world.invite('laptop', { approve: true });
  await world.until(host.uplinks.join(token, 'uplink0'));
  expect(types()).toEqual(['uplink.joined']);
  expect(uplinkSentence(told()[0]!)).toBe('This host joined "hq" as laptop, 10.83.41.3. An operator must approve it.'); // prettier-ignore
  await world.operator.approve('laptop');
  await world.clock.pass(1_000);
  expect(types().slice(1)).toEqual(['uplink.approved', 'vlans.changed', 'carrier.up']);
  await world.operator.setVlans('laptop', [700]);
  await world.clock.pass(1_000);
  expect(lastOf('vlans.changed')).toMatchObject({ vlans: [700], before: [500, 600] });
  await world.until(host.uplinks.rotate(undefined));
  expect(lastOf('key.changed')).toMatchObject({ fingerprint: expect.stringMatching(/^\w{4}-/) as string }); // prettier-ignore
});

it('another way is told when UDP is blocked, and again when it opens', async () => {
  await joined();
  const ways = () => told().flatMap((event) => (event.type === 'way.changed' ? [event.way] : []));
  host.isUdpBlocked = true;
  await world.clock.pass(60_000);
  expect(ways()).toEqual(['tls']);
  host.isUdpBlocked = false;
  host.way = 'cafe'; // in another network UDP is tried at once
  host.networkChanged();
  await world.clock.pass(10_000);
  expect(ways()).toEqual(['tls', 'udp']);
});

it('management that is allowed, and not any more', async () => {
  await joined();
  await host.uplinks.manage(undefined, true);
  await host.uplinks.manage(undefined, true);
  await host.uplinks.manage(undefined, false);
  expect(types().slice(2)).toEqual(['management.on', 'management.off']);
});

it('a link that somebody removed is told when it was made again, and one that we removed is not', async () => {
  await joined();
  host.linkGone(); // the moment after our own change
  await world.clock.pass(5_000);
  expect(types()).not.toContain('links.repaired');
  host.linkGone();
  await world.clock.pass(5_000);
  expect(types().filter((type) => type === 'links.repaired')).toHaveLength(1);
});

it('an uplink that leaves in a silence, and joins again, has no return to tell', async () => {
  await joined();
  world.isCut = true;
  await world.clock.pass(30_000);
  await world.until(host.uplinks.leave(undefined));
  world.isCut = false;
  await world.operator.revoke('laptop');
  await joined();
  expect(types()).not.toContain('uplink.back');
});

it('a join that fails says why, and leaves no uplink', async () => {
  const token = await world.invite();
  world.isHubAway = true;
  await expect(world.until(host.uplinks.join(token, 'uplink0'))).rejects.toThrow('does not answer');
  expect(types()).toEqual(['uplink.join-failed']);
  expect(lastOf('uplink.join-failed')).toMatchObject({ reason: 'silent', uplink: 'uplink0' });
});

it('a restart tells nothing but itself, and numbers go on', async () => {
  await joined();
  const before = telling.history.at(-1)?.id ?? 0;
  host.uplinks.close();
  await telling.close();
  await boot();
  await world.clock.pass(5_000);
  expect(telling.history.filter(({ id }) => id > before).map(({ id, type }) => [id, type])).toEqual(
    [
      [before + 1, 'service.stopped'],
      [before + 2, 'service.started'],
    ],
  );
});

it('metrics: state, way and carrier of now, and what has happened since the start', async () => {
  await joined();
  const value = async (series: string) => {
    const text = await metrics.text();
    const line = text.split('\n').find((one) => one.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.split(' ').at(-1));
  };
  const of = (name: string, more = '') => value(`vlandhcp_uplink_${name}{uplink="uplink0"${more}}`);
  expect(await of('state', ',state="up"')).toBe(1);
  expect(await of('carrier')).toBe(1);
  expect(await of('silences_total')).toBe(0);
  expect(await of('dropped_packets_total', ',rule="refused"')).toBe(7);
  expect(await value('vlandhcp_uplink_joins_total')).toBe(1);
  world.isCut = true;
  await world.clock.pass(30_000);
  expect(await of('state', ',state="up"')).toBe(0);
  expect(await of('state', ',state="silent"')).toBe(1);
  expect(await of('carrier')).toBe(0);
  expect(await of('silences_total')).toBe(1);
  expect(await of('last_word_age_seconds')).toBeGreaterThan(20);
  await world.until(host.uplinks.leave(undefined));
  expect(await of('carrier')).toBeUndefined();
});

it('what the log warns of is an event, and is counted', async () => {
  telling.log.warn({ link: 'uplink0', reason: 'disk' }, 'management not possible');
  expect(lastOf('trouble')).toMatchObject({ level: 'warn', message: 'management not possible' });
  expect(uplinkSentence(lastOf('trouble')!)).toBe('warn: management not possible (reason disk)');
  expect(await metrics.text()).toContain('\nvlandhcp_uplink_trouble_total{level="warn"} 1\n');
});
