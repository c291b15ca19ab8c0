/**
 * Real DHCP servers on real links. Each is odd in one way. Tests what costs an option, what costs a
 * lease, and what is logged.
 */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { LeaseSite, subject } from '../../support/lab/lease-site.ts';
import { until } from '../../support/lab/netns.ts';
import { outcome, recordOutcomes } from '../../support/lab/outcomes.ts';
import { parseMac } from '../../../plugin/wire/address.ts';

recordOutcomes();

let site: LeaseSite;
beforeAll(async () => {
  site = await LeaseSite.make();
});
afterEach(() => {
  site.leases.close();
  site.changes.length = 0;
  site.log.lines.length = 0;
});
afterAll(() => site.dispose());

const BRIDGE = { link: 'br0', promiscuous: true } as const;
const keepOverBridge = () => site.leases.place('endpoint', BRIDGE);
const dropped = () => site.log.lines.flatMap(({ fields }) => fields['dropped'] ?? []);
const told = (text: string) => site.log.lines.filter(({ message }) => message.includes(text));
const refusal = (...how: Parameters<LeaseSite['acquire']>) =>
  site.acquire(...how).then(
    () => 'a lease',
    (error: unknown) => String(error),
  );

test('an OFFER without lease time, whose ACK has it', async () => {
  const row = outcome('G', 'OFFER without option 51');
  await site.serveOddly('late-time');
  const { address, requestedAt, expiresAt } = await site.acquire();
  expect([address, Math.round(expiresAt - requestedAt)]).toEqual(['10.50.0.120', 3_600_000]);
  row.seen = `${address}, the lease time from the ACK`;
});

test('no server identifier: refused by name; server_id=lenient takes where it came from', async () => {
  const row = outcome('G', 'no option 54 in any message');
  await site.serveOddly('no-server-id');
  const sentence =
    'the OFFER of 10.50.0.1 lacks option 54 (server identifier); -o server_id=lenient accepts it';
  expect(await refusal(subject(), 1_500)).toContain(sentence);
  const { address, serverId } = await site.acquire(subject({}, { lenientServerId: true }));
  expect([address, serverId]).toEqual(['10.50.0.120', '10.50.0.1']);
  row.seen = `strict: "${sentence}"; lenient: ${address}`;
});

test('an option past the end and an option 52 of 0 cost these options', async () => {
  const row = outcome('G', 'an option past the end, an option 52 of 0');
  await site.serveOddly('runs-over');
  expect((await site.acquire()).address).toBe('10.50.0.120');
  expect(dropped()).toEqual([
    expect.stringMatching(
      /^option 15 \(domain name\): it runs past the end: length 200, \d+ octets left$/,
    ),
    'option 52 (overload): its value is 0, not 1, 2 or 3',
  ]);
  row.seen = `a lease; told: ${String(dropped().length)} options`;
});

test('terms that no host can use are left out by name', async () => {
  const row = outcome('G', 'mask /7, DNS 0.0.0.0, routes to 127/8 and by 0.0.0.9');
  await site.serveOddly('useless');
  expect(await site.acquire()).toMatchObject({
    ...{ prefixLength: 8, dnsServers: [] },
    routes: [{ destination: '10.0.0.0', prefixLength: 8, via: '10.50.0.1' }],
  });
  expect(dropped()).toEqual([
    'option 1 (subnet mask) 254.0.0.0: no host can use it, /8 by the class of 10.50.0.120 instead',
    "option 6 (DNS servers): 0.0.0.0 is no host's address",
    'option 121 (classless routes): the route to 127.0.0.0/8 leads nowhere',
    'option 121 (classless routes): the route to 172.16.0.0/16 by 0.0.0.9, which cannot be a router',
  ]);
  row.seen = `a lease with the one good route, ${dropped().length} things told by name`;
});

test('the broadcast address of its own subnet is refused by name', async () => {
  const row = outcome('G', 'the address offered is the broadcast address');
  await site.serveOddly('edge', '10.50.0.1', '10.50.0.255');
  const sentence = 'the OFFER of 10.50.0.1 is for 10.50.0.255, the broadcast address of its subnet';
  expect(await refusal(subject(), 1_000)).toContain(sentence);
  row.seen = sentence;
});

test('leases of 5 s do not make a container flap', async () => {
  const row = outcome('G', 'leases of 5 s');
  await site.serveOddly('brief');
  await site.acquire();
  keepOverBridge();
  await until('it is renewed four times', () => site.changes.length >= 4);
  expect(new Set(site.changes.map(({ change }) => change))).toEqual(new Set(['renewed']));
  row.seen = `${site.changes.length} renewals, the address never lost`;
});

test('a dead server is told at T1 and at T2', async () => {
  const row = outcome('G', 'the server dies; T1 and T2 pass');
  await site.serveOddly('brief');
  await site.acquire();
  keepOverBridge();
  await site.serveOddly('silent');
  await until('the lease is over', () => site.changes.length > 0);
  expect(site.changes[0]).toMatchObject({ change: 'lost', cause: 'expired' });
  const lines = told('lease not renewed');
  expect(lines.map(({ level }) => level)).toEqual(['info', 'warn']);
  expect(lines[1]!.fields).toMatchObject({
    left: expect.stringMatching(/^\d+ s$/) as string,
    lastWord: expect.stringMatching(/^ACK from 10\.50\.0\.1 at /) as string,
  });
  row.seen = `info at T1, warning at T2: ${String(lines[1]!.fields['left'])} left`;
});

test('a NAK in REBINDING counts from the server of a VLAN that was renumbered', async () => {
  const row = outcome('G', 'VLAN renumbered: a server with another id refuses in REBINDING');
  await site.serveOddly('brief');
  await site.acquire();
  keepOverBridge();
  await site.serveOddly('renumbered', '10.51.0.1');
  const refusedBefore = site.clock.now();
  await until('the lease is refused', () => site.changes.length > 0);
  expect(site.changes[0]).toMatchObject({ change: 'lost', cause: 'nak' });
  row.seen = 'the dead address given up at the NAK, before its end';
  row.mendMs = Math.round(site.clock.now() - refusedBefore);
});

test('dnsmasq sends two server identifiers and two lease times: its own of each count', async () => {
  const row = outcome('G', 'dnsmasq --dhcp-option=54,… and 51,…: each comes twice');
  await site.stopServer();
  await site.startDnsmasq('--dhcp-option-force=54,10.50.0.9', '--dhcp-option-force=51,600');
  const { address, serverId, requestedAt, expiresAt } = await site.acquire();
  expect(serverId).toBe('10.50.0.1');
  expect([600_000, 3_600_000]).toContain(Math.round(expiresAt - requestedAt));
  row.seen = `${address} from ${serverId}, for ${Math.round((expiresAt - requestedAt) / 1000)} s`;
  row.leftovers = 0;
});

test('a pool that is exhausted is told from a server that is not there', async () => {
  const row = outcome('C', 'the pool is exhausted');
  await site.stopServer();
  await site.startDnsmasqWith('10.50.0.160,10.50.0.160');
  const other = parseMac('02:00:00:00:00:bb')!;
  const who = { mac: other, clientId: Uint8Array.of(1, 2, 0, 0, 0, 0, 0xbb) };
  await site.acquire();
  keepOverBridge();
  const limits = { by: site.clock.now() + 2_500, signal: new AbortController().signal };
  const failed = await site.leases.acquire(subject(who, { key: 'other' }), BRIDGE, limits).then(
    ({ address }) => address,
    (error: unknown) => String(error),
  );
  expect(failed).toMatch(
    /no DHCP server offered an address .*; 1 lease is in use here, of 10\.50\.0\.1, confirmed [\d.]+ s ago: its pool is exhausted/,
  );
  row.seen = 'the sentence says that the pool is exhausted, and names the server';
});
