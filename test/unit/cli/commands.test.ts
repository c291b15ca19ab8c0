/**
 * The commands of `docker vlandhcp` against the admin API on a real socket, with a `docker` that
 * answers from a table. What they print is golden text.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AdminClient } from '../../../cli/admin-client.ts';
import type { Surroundings } from '../../../cli/commands/surroundings.ts';
import type { RunDocker } from '../../../cli/docker.ts';
import { FrameWatch, type FrameListener } from '../../../plugin/leasing/frames/frame-watch.ts';
import type { VlanAnswer } from '../../../plugin/leasing/segment/trunk-probe.ts';
import { termsOf } from '../../../plugin/state/records.ts';
import { ip, lease, mac } from '../../support/messages.ts';
import { cleanLines, escapeC1 } from '../../../cli/views/table.ts';
import { PluginError } from '../../../plugin/vocabulary/errors.ts';
import { makeProgram } from '../../../cli/program.ts';
import { serveAdmin, type AdminServer } from '../../../plugin/api/operator/admin-server.ts';
import { EventBus } from '../../../plugin/events/event-bus.ts';
import type { LeaseEntry } from '../../../plugin/state/status/lease-list.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { leaseEntry, NETWORK_ID, networkEntry } from '../../support/lease-entries.ts';
import { MemoryLogger } from '../../support/memory-logger.ts';

const NOW = Date.UTC(2026, 10, 28, 3);
const BOX = leaseEntry();
const MAIL = leaseEntry({
  ...{ endpoint: 'd'.repeat(64), mac: '02:00:00:00:00:0a', address: undefined, gateway: undefined },
  ...{ state: 'no lease', server: undefined, renewsAt: undefined, expiresAt: undefined },
  lost: { at: '2026-11-28T02:56:00.000Z', cause: 'expired' },
});
const GONE = leaseEntry({
  ...{ holder: 'nobody', endpoint: 'c'.repeat(64), mac: '02:00:00:00:00:0b', state: 'held' },
  ...{ address: '10.50.0.24/24', heldSince: '2026-11-28T02:50:00.000Z' },
});
const CONTAINERS = {
  ['1'.repeat(64)]: { Name: 'box', EndpointID: BOX.endpoint, MacAddress: BOX.mac },
  ['2'.repeat(64)]: { Name: 'shop-mail-1', EndpointID: MAIL.endpoint, MacAddress: MAIL.mac },
};

const DOCKER: Readonly<Record<string, string>> = {
  'network ls': `${NETWORK_ID}\n`,
  'network inspect': JSON.stringify([{ Id: NETWORK_ID, Name: 'fw500', Containers: CONTAINERS }]),
  'ps -a': `${'2'.repeat(64)}\tmail\t\n`,
  'version --format': '{"Version":"28.5.2","ApiVersion":"1.51","Os":"linux","Arch":"amd64"}',
};
const knowing: RunDocker = (...words) => Promise.resolve(DOCKER[words.slice(0, 2).join(' ')]);

let folder: string;
let server: AdminServer;
let bus: EventBus;
let frames: FrameWatch;
let watching: (listener: FrameListener) => () => void;
let clock: FakeClock;
let leases: LeaseEntry[];
let renewing: () => void;
let found: readonly VlanAnswer[];
const path = () => join(folder, 'admin.sock');

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vlandhcp-cli-'));
  clock = new FakeClock({ wall: NOW });
  bus = new EventBus(clock, 100);
  frames = new FrameWatch(clock);
  watching = (listener) => frames.watch(listener);
  leases = [GONE, BOX];
  renewing = () => undefined;
  found = [];
  server = await serveAdmin(path(), {
    ...{ bus, log: new MemoryLogger(), about: { version: '0.1.0', settings: {} } },
    metrics: { type: 'text/plain', text: () => Promise.resolve('vlandhcp_x 1\n') },
    operator: () => ({
      networks: () => [networkEntry()],
      leases: () => leases,
      renew: () => renewing(),
      release: () => Promise.resolve(),
      probe: () => Promise.resolve(found),
      watch: (_wanted, listener) => watching(listener),
      doctor: () => Promise.resolve([]),
    }),
  });
});
afterEach(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

/** What the command prints, and its exit code. A failure is the text of its error. */
async function type(line: string, parts: Partial<Surroundings> = {}) {
  let [printed, exit] = ['', 0];
  const plain = (text: string) => text;
  const surroundings: Surroundings = {
    write: () => undefined,
    ...{ admin: new AdminClient(path()), docker: knowing, isTerminal: false, now: () => NOW },
    ...{ colors: { red: plain, yellow: plain, dim: plain }, ended: new AbortController().signal },
    ...{ print: (text: string) => void (printed += `${text}\n`), version: '0.1.0', kernel: '6.1' },
    ...{ socket: path(), plugin: 'vlandhcp:stable' },
    ...{ answerWithinMs: 10_000, tell: () => undefined, warn: () => undefined },
    ...parts,
  };
  const program = makeProgram({
    ...{ surroundings: () => surroundings, name: 'docker vlandhcp', version: '0.1.0' },
    exit: (code) => (exit = code),
  });
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({ writeOut: surroundings.print, writeErr: plain });
  }
  const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, word]) => quoted ?? word);
  try {
    await program.parseAsync(words as string[], { from: 'user' });
  } catch (error) {
    return { exit: 1, error: (error as Error).message };
  }
  return { exit, printed };
}

const text = (...lines: string[]) => `${lines.join('\n')}\n`;
const ofBox = { endpoint: BOX.endpoint, network: NETWORK_ID, segment: BOX.segment, mac: BOX.mac };
const renewed = () =>
  bus.emit({ type: 'lease.renewed', ...ofBox, family: 4, address: '10.50.0.23', server: '10.50.0.1' }); // prettier-ignore

describe('probe', () => {
  const answer = (vlan: number, server: string, askedVlan?: number): VlanAnswer => ({
    ...{ vlan, server: ip(server), serverMac: mac('02:00:00:00:00:01'), askedVlan },
    ...{ terms: termsOf(lease({ address: ip('10.50.0.100') })), roundTripMs: 2.4 },
  });

  it('VLANs with a server, and what is odd about them', async () => {
    found = [answer(0, '10.0.0.1'), answer(500, '10.50.0.1'), answer(600, '10.60.0.1', 10)];
    expect(await type('probe --parent eth1')).toEqual({
      exit: 0,
      printed: text(
        'VLAN  SERVER     OFFER           GATEWAY    ROUND TRIP  SERVER MAC         NOTE',
        'none  10.0.0.1   10.50.0.100/24  192.0.2.1  2 ms        02:00:00:00:00:01',
        '500   10.50.0.1  10.50.0.100/24  192.0.2.1  2 ms        02:00:00:00:00:01',
        '600   10.60.0.1  10.50.0.100/24  192.0.2.1  2 ms        02:00:00:00:00:01  answers what was asked on VLAN 10: the two are joined somewhere',
      ),
    });
  });

  it('no VLAN answers: exit 2', async () => {
    expect(await type('probe --parent eth1 --vlans 7')).toEqual({
      ...{ exit: 2, printed: text('no DHCP server answers on VLAN 7 of eth1') },
    });
  });

  it('a list that is none: one sentence', async () => {
    expect(await type('probe --parent eth1 --vlans many')).toMatchObject({
      error: expect.stringContaining('is not a list of VLANs') as string,
    });
  });
});

describe('leases', () => {
  it('all leased: exit 0', async () => {
    expect(await type('leases')).toEqual({
      exit: 0,
      printed: text(
        'NETWORK  CONTAINER  ADDRESS        MAC                STATE   EXPIRES IN  SERVER',
        'fw500    box        10.50.0.23/24  02:74:52:1f:fe:e0  leased  60 min      10.50.0.1',
        'fw500    (gone)     10.50.0.24/24  02:00:00:00:00:0b  held    60 min      10.50.0.1',
        '',
        '1 leased, 0 waiting, 0 lost, 1 held',
      ),
    });
  });

  it('what is lost comes first, with its service: exit 2', async () => {
    leases = [BOX, MAIL];
    expect(await type('leases')).toEqual({
      exit: 2,
      printed: text(
        'NETWORK  CONTAINER    SERVICE  ADDRESS        MAC                STATE                           EXPIRES IN  SERVER',
        'fw500    shop-mail-1  mail     none           02:00:00:00:00:0a  no lease (expired) since 4 min',
        'fw500    box                   10.50.0.23/24  02:74:52:1f:fe:e0  leased                          60 min      10.50.0.1',
        '',
        '1 leased, 0 waiting, 1 lost',
      ),
    });
  });

  it('without an answer of Docker the ids are shown', async () => {
    leases = [BOX];
    const silent: RunDocker = () => Promise.resolve(undefined);
    expect((await type('leases', { docker: silent })).printed).toContain(
      'aaaaaaaaaaaa  eeeeeeeeeeee  10.50.0.23/24',
    );
  });

  it('on a terminal what is lost is red, and the columns stay aligned', async () => {
    leases = [BOX, MAIL];
    const red = (cell: string) => `<${cell}>`;
    const colors = { red, yellow: red, dim: red };
    const { printed = '' } = await type('leases', { colors });
    expect(printed).toContain('<fw500>    <shop-mail-1>  <mail>');
    expect(printed.replace(/[<>]/g, '')).toEqual((await type('leases')).printed);
  });

  it.each([
    ['--json', /^\[\n {2}\{\n {4}"networkName": "fw500",\n {4}"container": "box",/],
    ['--format json', /^\{"Network":"fw500","Container":"box",.*\}\n\{.*\}\n$/],
    [
      "--format '{{.Container}} {{.Address}}'",
      /^box 10\.50\.0\.23\/24\n\(gone\) 10\.50\.0\.24\/24\n$/,
    ],
    [
      "--format 'table {{.Container}}\\t{{.ExpiresIn}}'",
      /^CONTAINER {2}EXPIRES IN\nbox {8}60 min\n/,
    ],
    ["--format '{{json .}}'", /^\{"Network":"fw500"/],
  ])('leases %s', async (options, expected) => {
    const { exit, printed } = await type(`leases ${options}`);
    expect(printed).toMatch(expected);
    expect(exit).toBe(0);
  });

  it.each([
    [
      "leases --format '{{.Adress}}'",
      /^--format does not know \{\{\.Adress\}\}; it knows \{\{json \.\}\} and \{\{\.Network\}\}/,
    ],
    ['leases --network fw600', /^there is no network fw600; leases are on fw500$/],
    ['leases --json --format json', /cannot be used with/],
    ['lease 10.50.0.99', /^nobody has 10\.50\.0\.99 now, and no event of the history names it$/],
    ['events --since noon', /^--since noon is not a duration \(10m, 2h, 3d\), a time/],
    ['completion tcsh', /^completion is for bash, zsh, fish, not for tcsh$/],
  ])('%s fails in one sentence', async (line, expected) => {
    expect(await type(line)).toEqual({ exit: 1, error: expect.stringMatching(expected) as string });
  });

  it('a network without leases has an empty list', async () => {
    leases = [];
    expect(await type('leases --network fw500')).toMatchObject({
      exit: 0,
      printed: expect.stringMatching(/\n\n0 leased, 0 waiting, 0 lost\n$/) as string,
    });
  });

  it('a plugin that is not there: what to look at', async () => {
    const admin = new AdminClient(join(folder, 'none.sock'));
    expect((await type('leases', { admin })).error).toBe(
      `nobody listens on ${folder}/none.sock: the plugin is stopped, or older than this command; see: docker plugin ls`,
    );
  });

  it('--watch lists them again when something changes, and ends when the person ends it', async () => {
    const ended = new AbortController();
    let printed = '';
    const print = (part: string) => {
      printed += part;
      const lists = printed.split('1 leased').length - 1;
      if (lists === 1) setImmediate(() => void again());
      if (lists === 2) ended.abort();
    };
    // An event before the stream is open is told, too, because the stream begins at the list.
    const again = () => renewed();
    expect(await type('leases --watch', { print, ended: ended.signal })).toMatchObject({ exit: 0 });
    expect(printed.match(/1 leased/g)).toHaveLength(2);
  });
});

it('networks', async () => {
  leases = [BOX, MAIL, GONE];
  expect(await type('networks')).toEqual({
    exit: 2,
    printed: text(
      'NAME   SEGMENT           MODE    LINK   MTU   LEASED  WAITING  LOST  HELD',
      'fw500  VLAN 500 of eth1  bridge  br500  1500  1       0        1     1',
    ),
  });
});

/** Times are those of the host that runs the test. */
const masked = (printed = '') => printed.replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, 'TIME');

it.each(['box', '1111', '10.50.0.23', '02:74:52:1f:fe:e0', 'eeeeee'])('lease %s', async (key) => {
  renewed();
  const { exit, printed } = await type(`lease ${key}`);
  expect(masked(printed)).toBe(
    text(
      'Address       10.50.0.23/24',
      'Container     box (111111111111)',
      'Network       fw500, VLAN 500 of eth1',
      'MAC           02:74:52:1f:fe:e0',
      'State         leased',
      'Router        10.50.0.1',
      'Server        10.50.0.1',
      'Renews        TIME (in 30 min)',
      'Expires       TIME (in 60 min)',
      'Endpoint      eeeeeeeeeeee',
      '',
      'TIME                 TYPE           NETWORK  CONTAINER  TEXT',
      'TIME  lease.renewed  fw500    box        10.50.0.23, server 10.50.0.1',
    ),
  );
  expect(exit).toBe(0);
});

describe('events', () => {
  beforeEach(() => {
    renewed();
    bus.emit({ type: 'call.finished', call: 'NetworkDriver.Join', ms: 7, endpoint: BOX.endpoint });
    bus.emit({ type: 'server.refused', ...ofBox, server: '10.50.0.1', text: 'go \u001b[31maway' });
  });

  it('without calls of Docker, and with no byte that moves the cursor', async () => {
    expect(masked((await type('events')).printed)).toBe(
      text(
        'TIME                 TYPE            NETWORK  CONTAINER  TEXT',
        'TIME  lease.renewed   fw500    box        10.50.0.23, server 10.50.0.1',
        'TIME  server.refused  fw500    box        NAK, server 10.50.0.1: go ?[31maway',
      ),
    );
  });

  it.each([
    ['--all', [1, 2, 3]],
    ['--type call.finished', [2]],
    ['--since 1', [3]],
    ['--since 2h', [1, 3]],
    ['--network fw500', [1, 3]],
    ['--network other', []],
  ])('events %s', async (options, ids) => {
    const { printed = '' } = await type(`events ${options} --format '{{.ID}}'`);
    expect(printed.split('\n').filter(Boolean).map(Number)).toEqual(ids);
  });

  it('--follow goes on until the person ends it', async () => {
    const ended = new AbortController();
    let printed = '';
    const print = (line: string) => {
      printed += `${line}\n`;
      if (printed.includes('server.refused') && !printed.includes('link.gone')) {
        bus.emit({ type: 'link.gone', link: 'br500', network: NETWORK_ID });
      }
      if (printed.includes('link.gone')) ended.abort();
    };
    await type('events --follow', { print, ended: ended.signal });
    expect(masked(printed)).toBe(
      text(
        'TIME  lease.renewed     fw500  box  10.50.0.23, server 10.50.0.1',
        'TIME  server.refused    fw500  box  NAK, server 10.50.0.1: go ?[31maway',
        'TIME  link.gone         fw500  br500',
      ),
    );
  });
});

describe('renew and release', () => {
  it('the answer of the server is waited for', async () => {
    leases = [BOX];
    renewing = renewed;
    const { exit, printed } = await type('renew box');
    expect([exit, masked(printed)]).toEqual([
      0,
      text('10.50.0.23/24 is renewed until TIME by 10.50.0.1'),
    ]);
  });

  it('no answer: exit 2, and another family or host is no answer', async () => {
    renewing = () => {
      bus.emit({ type: 'lease.renewed', ...ofBox, family: 6, address: '2001:db8::5' });
      bus.emit({
        type: 'lease.renewed',
        ...ofBox,
        mac: GONE.mac,
        family: 4,
        address: '10.50.0.24',
      });
    };
    expect(await type('renew 10.50.0.23', { answerWithinMs: 200 })).toEqual({
      exit: 2,
      printed: text(
        '10.50.0.23 is not renewed: 10.50.0.1 did not answer within 0.2 s; the lease goes on, and the plugin goes on asking',
      ),
    });
  });

  it('a NAK: exit 2', async () => {
    renewing = () => bus.emit({ type: 'server.refused', ...ofBox, server: '10.50.0.1', text: undefined }); // prettier-ignore
    expect(await type('renew 10.50.0.23')).toEqual({
      exit: 2,
      printed: text(
        '10.50.0.23 is not renewed: 10.50.0.1 refused, and the container asks for another address',
      ),
    });
  });

  it('a held lease is given back', async () => {
    expect(await type('release 10.50.0.24')).toEqual({
      exit: 0,
      printed: text('10.50.0.24/24 is given back to 10.50.0.1'),
    });
  });
});

it('metrics prints what the plugin tells Prometheus', async () => {
  expect((await type('metrics')).printed).toBe('vlandhcp_x 1\n');
});

describe('report', () => {
  it('has no name, address, MAC or id, and the same stand-in for each everywhere', async () => {
    renewed();
    bus.emit({ type: 'server.refused', ...ofBox, server: '10.50.0.1', text: 'mail.example.net' });
    const { printed = '' } = await type('report -');
    for (const secret of ['10.50.', BOX.mac, NETWORK_ID.slice(0, 12), 'example.net', 'box']) {
      expect(printed).not.toContain(secret);
    }
    const report = JSON.parse(printed) as { leases: LeaseEntry[]; events: { mac: string }[] };
    expect(report.leases[1]?.mac).toBe(report.events[0]?.mac);
    expect(report.leases[1]?.segment).toBe('VLAN 500 of eth1');
  });

  it('is written to a new file only', async () => {
    const file = join(folder, 'report.json');
    expect((await type(`report ${file}`)).printed).toContain(`${file} is written`);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ commandVersion: '0.1.0' });
    expect((await type(`report ${file}`)).error).toContain('the report was not written: EEXIST');
  });
});

it.each(['bash', 'zsh', 'fish'])(
  'completion %s has each command and its options',
  async (shell) => {
    const { printed = '' } = await type(`completion ${shell}`);
    for (const word of ['networks', 'leases', 'watch', 'follow', 'report']) {
      expect(printed).toContain(word);
    }
  },
);

it('--help tells the exit codes', async () => {
  let printed = '';
  await type('--help', { print: (part) => void (printed += part) });
  expect(printed).toContain(
    '  2  the command worked, and a container or the host is without a lease',
  );
});

describe('trace', () => {
  it('a capture that the plugin refuses leaves no file, and an existing one stays', async () => {
    const file = join(folder, 'x.pcap');
    watching = () => {
      throw new PluginError('NETWORK_UNKNOWN', 'there is no network');
    };
    expect(await type(`trace fw500 --pcap ${file}`)).toEqual({
      exit: 1,
      error: 'there is no network',
    });
    expect(existsSync(file)).toBe(false);
    writeFileSync(file, 'mine');
    expect(await type(`trace fw500 --pcap ${file}`)).toMatchObject({
      exit: 1,
      error: expect.stringContaining('the capture was not written: EEXIST') as string,
    });
    expect(readFileSync(file, 'utf8')).toBe('mine');
  });

  it.each([
    ['trace nothing', /^nothing is no network of Docker, and nobody has a lease by that name/],
    ['trace fw500 --for soon', /^--for soon is not a duration, such as 10s or 2m/],
  ])('%s: one sentence', async (line, sentence) => {
    expect(await type(line)).toMatchObject({ error: expect.stringMatching(sentence) as string });
  });
});

it('a network that goes while Docker is asked does not take the names of the others', async () => {
  const gone = 'b'.repeat(64);
  const docker: RunDocker = (...words) => {
    if (words[1] === 'ls') return Promise.resolve(`${NETWORK_ID}\n${gone}\n`);
    if (words[1] === 'inspect' && words.includes(gone)) return Promise.resolve(undefined);
    return knowing(...words);
  };
  const { printed } = await type("leases --format '{{.Network}}'", { docker });
  expect(printed).toBe(text('fw500', 'fw500'));
});

it('a name moves no cursor, with a template of the user either', async () => {
  const containers = { x: { Name: 'a\u001b[2J', EndpointID: BOX.endpoint, MacAddress: BOX.mac } };
  const docker: RunDocker = (...words) =>
    words[1] === 'inspect'
      ? Promise.resolve(JSON.stringify([{ Id: NETWORK_ID, Name: 'fw500', Containers: containers }]))
      : knowing(...words);
  const { printed } = await type("leases --format '{{.Container}}'", { docker });
  expect(printed).toBe(text('a?[2J', '(gone)'));
  expect([cleanLines('a\u009bb\nc'), escapeC1('"\u009b"')]).toEqual(['a?b\nc', '"\\u009b"']);
});

describe('--reserve', () => {
  const identity = {
    ...{ clientId: `01:${BOX.mac}`, isByClientId: false, isStable: true },
    ...{ hostName: 'box', duid: undefined },
  };
  const leased6 = {
    ...{ address: 'fd00:50::12/128', from: 'dhcp' as const },
    lease: { server: '00:01', renewsAt: '', expiresAt: '', dnsServers: [], domainSearch: [] },
  };
  const reserve = async (kind: string, parts: Partial<LeaseEntry> = {}, around = {}) => {
    leases = [leaseEntry({ identity, ...parts }), GONE];
    return type(`lease box --reserve ${kind}`, around);
  };

  it.each([
    ['dnsmasq', 'dhcp-host=02:74:52:1f:fe:e0,10.50.0.23,box'],
    [
      'isc',
      'host box-10-50-0-23 { hardware ethernet 02:74:52:1f:fe:e0; fixed-address 10.50.0.23; option host-name "box"; }',
    ],
    ['kea', '{"hw-address":"02:74:52:1f:fe:e0","ip-address":"10.50.0.23","hostname":"box"}'],
    [
      'csv',
      'network,container,mac,client-id,name,address,duid,ipv6\nfw500,box,02:74:52:1f:fe:e0,01:02:74:52:1f:fe:e0,box,10.50.0.23,,',
    ],
  ])('%s: the line to paste', async (kind, line) => {
    expect(await reserve(kind)).toEqual({ exit: 0, printed: text(line) });
  });

  it.each([
    ['dnsmasq', 'dhcp-host=id:00:62,10.50.0.23,box\ndhcp-host=id:00:03,[fd00:50::12],box'],
    [
      'isc',
      'host box-10-50-0-23 { option dhcp-client-identifier 00:62; fixed-address 10.50.0.23; option host-name "box"; }\nhost box-fd00-50-12 { host-identifier option dhcp6.client-id 00:03; fixed-address6 fd00:50::12; }',
    ],
    [
      'kea',
      '{"client-id":"00:62","ip-address":"10.50.0.23","hostname":"box"},\n{"duid":"00:03","ip-addresses":["fd00:50::12"],"hostname":"box"}',
    ],
  ])(
    '%s: by the client identifier where the MAC will not do, and the lease of DHCPv6',
    async (kind, lines) => {
      const own = { ...identity, clientId: '00:62', isByClientId: true, duid: '00:03' };
      expect(await reserve(kind, { identity: own, ipv6: leased6 })).toMatchObject({
        printed: text(lines),
      });
    },
  );

  it.each(['a"b', 'a\nfixed-address 10.0.0.1', 'a,set:tag', 'a b', '-a', '{name}', 'ü', ''])(
    'a host name %j gets into no line',
    async (hostName) => {
      const odd = { identity: { ...identity, hostName } };
      for (const kind of ['dnsmasq', 'isc', 'kea']) {
        const { printed = '' } = await reserve(kind, odd);
        expect(printed.trim().split('\n').length).toBe(1);
        expect(printed).toContain('box');
        if (hostName.length > 2) expect(printed).not.toContain(hostName);
      }
    },
  );

  it('a cell that a spreadsheet would compute, or a quote, is text in the CSV', async () => {
    const docker: RunDocker = (...words) =>
      words[1] === 'inspect'
        ? Promise.resolve(
            JSON.stringify([
              {
                ...{ Id: NETWORK_ID, Name: '=HYPERLINK("x","y")' },
                Containers: { x: { Name: 'box', EndpointID: BOX.endpoint, MacAddress: BOX.mac } },
              },
            ]),
          )
        : knowing(...words);
    const { printed } = await reserve('csv', {}, { docker });
    expect(printed?.split('\n')[1]).toMatch(/^"'=HYPERLINK\(""x"",""y""\)",box,/);
  });

  it('all leases of a network, those of gone containers too, and none of the host', async () => {
    const host = leaseEntry({
      identity,
      holder: 'host',
      endpoint: 'host',
      address: '10.50.0.9/24',
    });
    leases = [leaseEntry({ identity }), leaseEntry({ ...GONE, identity }), host];
    const { printed } = await type('leases --network fw500 --reserve dnsmasq');
    expect(printed).toBe(
      text(
        'dhcp-host=02:74:52:1f:fe:e0,10.50.0.23,box',
        'dhcp-host=02:00:00:00:00:0b,10.50.0.24,box',
      ),
    );
  });

  it('a container that gets another MAC each time is told', async () => {
    let warned = '';
    const warn = (line: string) => void (warned += line);
    await reserve('dnsmasq', { identity: { ...identity, isStable: false } }, { warn });
    expect(warned).toBe(
      'box gets another MAC when it is made again; start it with driver-opt id=NAME, and reserve then',
    );
  });

  it.each([
    ['lease box --reserve pihole', /--reserve is for dnsmasq, isc, kea, csv, not for pihole/],
    ['lease box --reserve dnsmasq --json', /cannot be used with/],
    ['leases --reserve dnsmasq --watch', /cannot be used with/],
    [
      'lease box --reserve dnsmasq',
      /nothing can be reserved for box: no container of it has an address that a DHCP server leased/,
    ],
  ])('%s: one sentence', async (line, sentence) => {
    leases = [leaseEntry({ identity, address: undefined, server: undefined })];
    expect(await type(line)).toMatchObject({
      exit: 1,
      error: expect.stringMatching(sentence) as string,
    });
  });
});
