/**
 * Option × server: what was asked on the wire, what the server logged, and what the lease got. Each
 * cell is asserted, and is a row in the table of outcomes. Real dnsmasq, ISC dhcpd, Kea and udhcpd.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { decodeFrame } from '../../../plugin/dhcp4/frame.ts';
import type { Dhcp4Message } from '../../../plugin/dhcp4/message.ts';
import type { LeaseSubject } from '../../../plugin/leasing/lease-service.ts';
import type { SiteWishes } from '../../../plugin/leasing/lease-subject.ts';
import type { Lease } from '../../../plugin/vocabulary/lease.ts';
import { FrameTaps, type Tap } from '../../support/frames/frame-taps.ts';
import { LeaseSite, MAC, subject } from '../../support/lab/lease-site.ts';
import { until } from '../../support/lab/netns.ts';
import {
  ROUTES,
  SERVERS,
  startServer,
  type ServerName,
} from '../../support/servers/option-servers.ts';
import { outcome, recordOutcomes } from '../../support/lab/outcomes.ts';

recordOutcomes();

const SITE: SiteWishes = {
  vendorClass: 'vlandhcp',
  userClass: 'voice',
  registersName: false,
  alsoAsked: [66, 150, 224],
  deniedServers: [],
  terms: {},
};
const CLIENT_ID = Uint8Array.from(Buffer.from('\0pbx.v500'));

let site: LeaseSite;
const taps = new FrameTaps();
let tap: Tap;
beforeAll(async () => {
  site = await LeaseSite.make();
  tap = taps.open('vdh0');
});
afterEach(async () => {
  site.leases.close();
  await site.stopServer();
});
afterAll(async () => {
  taps.close();
  await site.dispose();
});

/** The last message that the client sent. */
function asked(): Dhcp4Message {
  const frames = tap.seen.map((hex) => Uint8Array.from(Buffer.from(hex, 'hex')));
  const messages = frames.flatMap((frame) => {
    try {
      return [decodeFrame(frame, { checksumReady: false, port: 67 }).message];
    } catch {
      return [];
    }
  });
  const last = messages.filter(({ op, chaddr }) => op === 1 && chaddr === MAC).at(-1);
  if (last === undefined) throw new Error('the client sent nothing');
  return last;
}

async function acquire(how: Partial<SiteWishes> = {}, hostName = 'pbx'): Promise<Lease> {
  const who: LeaseSubject = subject(
    { clientId: CLIENT_ID, hostName },
    { site: { ...SITE, ...how } },
  );
  return site.acquire(who);
}

const hexOf = (code: number) => Buffer.from(asked().options.get(code) ?? []).toString('hex');
const ascii = (text: string) => Buffer.from(text).toString('hex');
const other = (lease: Lease, code: number) =>
  lease.others?.find((option) => option.code === code)?.value;

interface Cell {
  readonly option: string;
  /** Hex of the option in the request, or the code that its list of wishes has. */
  readonly asked: readonly [code: number, hex: string] | number;
  /** By server. Undefined: the server does not log it. */
  readonly logged?: Partial<Record<ServerName, RegExp>>;
  readonly got: readonly [what: string, seen: (lease: Lease) => unknown, expected: unknown];
}

const CELLS: readonly Cell[] = [
  {
    option: '61 client_id',
    asked: [61, ascii('\0pbx.v500')],
    logged: {
      dnsmasq: /client provides name: pbx/,
      ISC: /heard id=0:70:62:78:2e:76:35:30:30 /,
      Kea: /cid=\[00:70:62:78:2e:76:35:30:30\]/,
    },
    got: ['an address', ({ address }) => /^10\.50\.0\.1[0-5]\d$/.test(address), true],
  },
  {
    option: '60 vendor_class',
    asked: [60, ascii('vlandhcp')],
    logged: {
      dnsmasq: /vendor class: vlandhcp/,
      ISC: / vendor=vlandhcp /,
      Kea: /type=060, len=008: "vlandhcp"/,
    },
    got: ['66 of that class', (lease) => other(lease, 66), 'boot.lab'],
  },
  {
    option: '77 user_class',
    asked: [77, `05${ascii('voice')}`],
    logged: {
      dnsmasq: /user class: voice/,
      ISC: / user=5:76:6f:69:63:65 /,
      Kea: /voice-of-ours/,
    },
    got: ['66 of that class', (lease) => other(lease, 66), 'boot.lab'],
  },
  {
    option: '12 hostname',
    asked: [12, ascii('pbx')],
    logged: {
      dnsmasq: /client provides name: pbx/,
      ISC: / name=pbx/,
      Kea: /type=012, len=003: "pbx"/,
    },
    got: ['gateway', ({ gateway }) => gateway, '10.50.0.1'],
  },
  {
    option: '6 DNS servers',
    asked: 6,
    got: ['shown', ({ dnsServers }) => dnsServers, ['10.50.0.53']],
  },
  {
    option: '15 domain',
    asked: 15,
    got: ['shown', ({ domainName }) => domainName, 'lab.example'],
  },
  { option: '26 MTU', asked: 26, got: ['applied', ({ mtu }) => mtu, 1400] },
  { option: '42 NTP', asked: 42, got: ['shown', (lease) => other(lease, 42), '10.50.0.123'] },
  {
    option: '100 and 101 time zone',
    asked: 101,
    got: [
      'shown',
      (lease) => [other(lease, 100), other(lease, 101)],
      ['CET-1CEST', 'Europe/Berlin'],
    ],
  },
  {
    option: '119 search list',
    asked: 119,
    got: ['shown', ({ domainSearch }) => domainSearch, ['lab.example', 'corp.example']],
  },
  {
    option: '252 WPAD',
    asked: 252,
    got: ['shown', (lease) => other(lease, 252), 'http://wpad.lab/'],
  },
  {
    option: '150 and 224 by request=',
    asked: 224,
    got: ['shown', (lease) => [other(lease, 150), other(lease, 224)], ['10.50.0.150', 'blue']],
  },
];

describe.each(SERVERS)('%s', (server) => {
  test('each option of a site: asked, logged, got', async () => {
    await startServer(site, server, 121);
    const lease = await acquire();
    for (const { option, asked: wanted, logged, got } of CELLS) {
      const row = outcome('options', `${option} × ${server}`);
      if (typeof wanted === 'number') expect([...asked().options.get(55)!]).toContain(wanted);
      else expect(hexOf(wanted[0]), option).toBe(wanted[1]);
      const line = logged?.[server];
      if (line !== undefined) await isLogged(line);
      const [what, see, expected] = got;
      expect(see(lease), `${option}: ${what}`).toEqual(expected);
      const inLog = line === undefined ? '; not logged' : `; logged: ${logOf(line)}`;
      row.seen = `asked${inLog}; ${what}: ${JSON.stringify(expected)}`;
      row.leftovers = 0;
    }
  });

  test.each(ROUTES)(
    'routes by option %i are applied; routes=none and gateway= differ',
    async (route) => {
      const row = outcome('options', `${route} routes × ${server}`);
      await startServer(site, server, route);
      const lease = await acquire();
      const host = { destination: '10.8.9.1', prefixLength: 32, via: '10.50.0.9' };
      const net = { destination: '10.8.0.0', prefixLength: 16, via: '10.50.0.9' };
      expect([...asked().options.get(55)!]).toContain(route);
      expect(lease).toMatchObject({ gateway: '10.50.0.1', routes: [route === 33 ? host : net] });
      site.leases.close();
      const none = await acquire({ terms: { gateway: 'none', routes: 'none' } });
      expect([none.gateway, none.routes]).toEqual([undefined, []]);
      row.seen = 'asked; applied; with routes=none and gateway=none left out';
      row.leftovers = 0;
    },
  );

  test.each([
    ['pbx', `050000${'03'}${ascii('pbx')}`],
    ['pbx.lab.example', `05000003${ascii('pbx')}03${ascii('lab')}07${ascii('example')}00`],
  ])('81 with register_dns=true: %s', async (name, hex) => {
    const row = outcome('options', `81 register_dns, ${name} × ${server}`);
    await startServer(site, server, 121);
    const lease = await acquire({ registersName: true }, name);
    expect([hexOf(81), asked().options.has(12)]).toEqual([hex, false]);
    const line = FQDN_LOGGED[server];
    if (line !== undefined) await isLogged(line);
    expect(other(lease, 81) ?? 'not sent').toMatch(FQDN_GOT[server]);
    row.seen = `asked${line === undefined ? '' : `; logged: ${logOf(line)}`}; got 81: ${other(lease, 81) ?? 'not sent'}`;
    row.leftovers = 0;
  });
});

const FQDN_LOGGED: Partial<Record<ServerName, RegExp>> = {
  dnsmasq: /client provides name: pbx(\.lab\.example)?/,
  ISC: / name=pbx(\.lab\.example)?/,
  Kea: /flags: \(N=0, E=1, O=0, S=1\), domain-name='pbx[^']*' \((partial|full)\)/,
};
const FQDN_GOT: Record<ServerName, RegExp> = {
  dnsmasq: /^pbx(\.lab\.example)?$/,
  ISC: /^(pbx(\.lab\.example)?|not sent)$/,
  Kea: /^pbx/,
  udhcpd: /^not sent$/,
};

/** Kea prints its log a moment after its answer. */
async function isLogged(line: RegExp): Promise<void> {
  await until(String(line), () => line.test(site.printed()), 2_000).catch((error: unknown) => {
    throw new Error(`${String(error)} in ${site.printed().slice(-3000)}`);
  });
}

/** The part of the log that a pattern found, on one line. */
function logOf(line: RegExp): string {
  return (line.exec(site.printed())?.[0] ?? '').replace(/\s+/g, ' ').trim().slice(0, 60);
}

test('a name that comes later is in the server’s log at once, by a renewal', async () => {
  const row = outcome('options', '12 hostname, known after the start × dnsmasq');
  await startServer(site, 'dnsmasq', 121);
  const who = subject({ clientId: CLIENT_ID }, { site: SITE });
  const { address } = await site.acquire(who);
  site.leases.place('endpoint', { link: 'br0', promiscuous: true });
  site.changes.length = 0;
  site.leases.rename('endpoint', 'PBX_1');
  await until('it is renewed', () => site.changes.length > 0);
  expect(site.changes[0]).toMatchObject({ change: 'renewed', lease: { address } });
  await until('the name is logged', () => site.printed().includes('client provides name: pbx-1'));
  row.seen = `logged: client provides name: pbx-1; the lease of ${address} renewed`;
  row.leftovers = 0;
});

test('such a renewal is lost, of a lease without end: it is sent again', async () => {
  const row = outcome('options', '12 hostname, its renewal is lost, lease without end × dnsmasq');
  const forever = () => site.startDnsmasq('--dhcp-range=10.50.0.160,10.50.0.170,infinite');
  await forever();
  const clientId = Uint8Array.from(Buffer.from('\0for-ever'));
  const wish = { clientId, requestedAddress: '10.50.0.165' as never };
  const who = subject(wish, { site: SITE });
  const { address, t1At } = await site.acquire(who);
  expect([address, t1At]).toEqual(['10.50.0.165', Infinity]);
  await site.stopServer();
  site.leases.place('endpoint', { link: 'br0', promiscuous: true });
  site.changes.length = 0;
  const wire = taps.open('eth1');
  site.leases.rename('endpoint', 'PBX_1');
  const isTold = () => wire.seen.some((frame) => frame.includes(ascii('pbx-1')));
  await until('the REQUEST is sent', isTold);
  await forever();
  await until('the name is logged', () => site.printed().includes('client provides name: pbx-1'));
  await until('it is renewed', () => site.changes.length > 0);
  expect(site.changes[0]).toMatchObject({ change: 'renewed', lease: { address } });
  row.seen = `logged: client provides name: pbx-1, by the REQUEST that was sent again`;
  row.leftovers = 0;
});

test('dhcp_deny: the only server is never taken', async () => {
  const row = outcome('options', 'dhcp_deny=10.50.0.1 × dnsmasq');
  await startServer(site, 'dnsmasq', 121);
  const site10: SiteWishes = { ...SITE, deniedServers: ['10.50.0.1' as never] };
  const refused = await site.acquire(subject({}, { site: site10 }), 1_500).then(
    ({ address }) => address,
    (error: unknown) => String(error),
  );
  expect(refused).toMatch(
    /no DHCP server answered but those of dhcp_deny .* 10\.50\.0\.1 answered/,
  );
  expect(site.printed()).toContain('DHCPOFFER');
  expect(site.printed()).not.toContain('DHCPREQUEST');
  row.seen = 'an OFFER, no REQUEST, the sentence names the server';
  row.leftovers = 0;
});
