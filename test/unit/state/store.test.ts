import { execFileSync } from 'node:child_process';
import {
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { linkEnds } from '../../../plugin/options/endpoint-identity.ts';
import { parseNetworkOptions } from '../../../plugin/options/options.ts';
import { restoreLease, storeLease, termsOf } from '../../../plugin/state/records.ts';
import type { NetworkRecord } from '../../../plugin/state/records.ts';
import type { PoolRecord } from '../../../plugin/state/pool-records.ts';
import { storeMoment } from '../../../plugin/state/stored-lease.ts';
import { parseSubnet } from '../../../plugin/wire/subnet.ts';
import { Store } from '../../../plugin/state/files/store.ts';
import { refusal } from '../../support/fakes/driver-rig.ts';
import { FakeClock } from '../../support/time/fake-clock.ts';
import { ip, lease, mac } from '../../support/frames/messages.ts';
import {
  endpointOf,
  isOfEndpoint,
  leaseOfAddress,
  leaseOfEndpoint,
  leaseOfHeld,
  type AddressRecord,
  type EndpointRecord,
  type HeldRecord,
} from '../../../plugin/state/lease-records.ts';

const clock = new FakeClock();
const NETWORK: NetworkRecord = {
  id: 'n'.repeat(64),
  options: parseNetworkOptions({ parent: 'eth1', vlan: '500' }),
  internal: false,
  vlanLink: 'eth1.500',
  uplinkPort: true,
  mtu: 1500,
};
const ENDPOINT: EndpointRecord = {
  id: 'e'.repeat(64),
  leaseId: 'e'.repeat(64),
  isStable: false,
  networkId: NETWORK.id,
  ...linkEnds('e'.repeat(64)),
  mac: mac('02:00:00:00:00:aa'),
  macGiven: false,
  clientId: '01020000000000aa',
  hostName: undefined,
  requestedAddress: undefined,
  mtu: 1500,
  lease: storeLease(
    lease({ routes: [{ destination: ip('10.0.0.0'), prefixLength: 8, via: undefined }] }),
    clock,
  ),
  lost: undefined,
  terms: { answered: termsOf(lease()), configured: termsOf(lease()) },
  createdAt: clock.wall(),
  sandboxKey: '/var/run/docker/netns/1',
};

const HELD: HeldRecord = {
  id: 'h'.repeat(64),
  scopeId: NETWORK.id,
  mac: ENDPOINT.mac,
  clientId: ENDPOINT.clientId,
  hostName: undefined,
  requestedAddress: undefined,
  mtu: 1500,
  lease: ENDPOINT.lease!,
  heldAt: storeMoment(clock),
  isOrphan: false,
};

const POOL: PoolRecord = {
  id: '0123456789abcdef',
  subnet: parseSubnet('192.0.2.0/24')!,
  range: undefined,
  gateway: { address: ip('192.0.2.1'), from: 'user' },
  reserved: [],
  given: {},
  options: NETWORK.options,
  networkId: undefined,
  link: undefined,
  requestedAt: clock.wall(),
};

const ADDRESS: AddressRecord = {
  ...{ id: 'a'.repeat(64), scopeId: POOL.id, poolId: POOL.id, address: ip('192.0.2.50') },
  ...{ mac: ENDPOINT.mac, clientId: ENDPOINT.clientId, hostName: undefined, mtu: 1500 },
  ...{ requestedAddress: undefined, isStable: true, lease: ENDPOINT.lease, lost: undefined },
  ...{ createdAt: storeMoment(clock), wasSeen: true },
};

const LEASE = leaseOfEndpoint(ENDPOINT);
const RECORDS = { networks: NETWORK, leases: LEASE, pools: POOL };
/** The text of the file of an endpoint's lease, with these fields changed. */
const inFile = (record: object) =>
  JSON.stringify({ version: 1, record: leaseOfEndpoint(record as EndpointRecord) });

let dir: string;
let store: Store;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'vlandhcp-store-'));
  store = await Store.open(join(dir, 'state'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const endpointFile = () => join(dir, 'state', 'leases', `${ENDPOINT.id}.json`);
const files = (kind: string) => readdir(join(dir, 'state', kind));

describe('what is stored', () => {
  it('comes back as it was; what was undefined is absent', async () => {
    await store.save('networks', NETWORK);
    await store.save('leases', LEASE);
    await store.save('leases', leaseOfHeld(HELD));
    await store.save('leases', leaseOfAddress(ADDRESS));
    const contents = await (await Store.open(join(dir, 'state'))).load();
    expect(contents).toEqual({
      networks: [NETWORK],
      leases: [leaseOfAddress(ADDRESS), LEASE, leaseOfHeld(HELD)],
      pools: [],
      problems: [],
      damages: [],
    });
  });

  it('an infinite lease is written as a word and comes back infinite (time.ts)', async () => {
    const infinite = lease({ t1At: Infinity, t2At: Infinity, expiresAt: Infinity });
    const record = { ...ENDPOINT, lease: storeLease(infinite, clock) };
    await store.save('leases', leaseOfEndpoint(record));
    expect(await readFile(endpointFile(), 'utf8')).toContain('"expiresAt":"infinite"');
    const { leases } = await store.load();
    expect(restoreLease(leases[0]!.lease!, clock)).toMatchObject({
      t1At: Infinity,
      t2At: Infinity,
      expiresAt: Infinity,
    });
  });

  it('a host called infinite stays one', async () => {
    await store.save('leases', leaseOfEndpoint({ ...ENDPOINT, hostName: 'infinite' }));
    expect((await store.load()).leases[0]!.hostName).toBe('infinite');
  });

  it('is replaced whole, readable by root alone, and leaves no temporary file', async () => {
    await store.save('leases', LEASE);
    await store.save('leases', leaseOfEndpoint({ ...ENDPOINT, mtu: 1400 }));
    expect((await store.load()).leases).toMatchObject([{ mtu: 1400 }]);
    expect((await stat(endpointFile())).mode & 0o777).toBe(0o600);
    expect((await stat(join(dir, 'state', 'leases'))).mode & 0o777).toBe(0o700);
    expect(await files('leases')).toEqual([`${ENDPOINT.id}.json`]);
  });

  it('deleting is idempotent', async () => {
    await store.save('networks', NETWORK);
    await store.delete('networks', NETWORK.id);
    await store.delete('networks', NETWORK.id);
    await store.delete('leases', 'unknown');
    expect(await files('networks')).toEqual([]);
  });
});

describe('the VLAN of a network', () => {
  const file = (vlan: unknown) => ({ ...NETWORK, options: { ...NETWORK.options, vlan } });
  const load = async (vlan: unknown) => {
    await store.save('networks', NETWORK);
    const path = join(dir, 'state', 'networks', `${NETWORK.id}.json`);
    await writeFile(path, JSON.stringify({ version: 1, record: file(vlan) }));
    return store.load();
  };

  it.each([500, '10.500', '10q.500'])('%j is read as it was written', async (vlan) => {
    const { networks, problems } = await load(vlan);
    expect(problems).toEqual([]);
    expect(networks).toEqual([file(vlan)]);
  });

  it.each(['500', '10.0', '10.4095', '010.500', '10.500.1', [10, 500], 4095])(
    '%j is none, and never guessed',
    async (vlan) => {
      const { networks, problems } = await load(vlan);
      expect(networks).toEqual([]);
      expect(problems[0]!.message).toContain('a VLAN id from 1 to 4094, or two such as 10.500');
    },
  );

  it('keeps the link of its outer tag', async () => {
    const stacked = { ...NETWORK, vlanLink: 'eth1.10.500', outerLink: 'eth1.10ad' };
    await store.save('networks', stacked);
    expect((await store.load()).networks).toEqual([stacked]);
  });
});

describe('a file that cannot be used is told, and keeps no other from being loaded', () => {
  beforeEach(() => store.save('networks', NETWORK));

  it.each([
    ['empty (a crash before the data was on disk)', ''],
    ['torn', '{"version":1,"record":{"id":"eeee'],
    ['null', 'null'],
    ['a list', '[]'],
    ['without record', '{"version":1}'],
    ['with a record that lacks its lease', '{"version":1,"record":{"id":"x","networkId":"n"}}'],
    ['with a record of nulls', inFile({ ...ENDPOINT, mac: null })],
    ['without version', JSON.stringify({ record: ENDPOINT })],
    ['with a version of no meaning', JSON.stringify({ version: 'x', record: ENDPOINT })],
    ['binary', '\u0000\u0001\u0002'],
  ])('%s: set aside', async (_what, text) => {
    await writeFile(endpointFile(), text);
    const { networks, leases, problems } = await store.load();
    expect([networks.length, leases.length]).toEqual([1, 0]);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ code: 'STATE_UNREADABLE' });
    expect(problems[0]!.message).toMatch(/^state file .*\.json is not usable: .+; set aside/);
    expect(await files('leases')).toEqual([`${ENDPOINT.id}.json.unreadable`]);
    // Reported at each start until somebody has looked, because the lost record may still be in
    // use.
    expect((await store.load()).problems[0]!.message).toMatch(/look at it, then remove it/);
  });

  it('of a newer vlandhcp: left as it is, so that going back forward finds it', async () => {
    const text = JSON.stringify({ version: 2, record: { shape: 'new' } });
    await writeFile(endpointFile(), text);
    const { problems } = await store.load();
    expect(problems[0]!.message).toMatch(
      /written by a newer vlandhcp \(format 2\); left as it is$/,
    );
    expect(await readFile(endpointFile(), 'utf8')).toBe(text);
  });

  it('fields of a later minor version are carried along', async () => {
    await writeFile(endpointFile(), JSON.stringify({ version: 1, record: { ...LEASE, x: 1 } }));
    expect((await store.load()).leases).toMatchObject([{ x: 1 }]);
  });

  it('a temporary file that a crash left is removed; the old file counts', async () => {
    await store.save('leases', LEASE);
    await writeFile(`${endpointFile()}.tmp`, '{"version":1,"rec');
    const { leases, problems } = await store.load();
    expect([leases.length, problems.length]).toEqual([1, 0]);
    expect(await files('leases')).toEqual([`${ENDPOINT.id}.json`]);
  });

  it('files of others in the folder are left alone', async () => {
    await writeFile(join(dir, 'state', 'leases', 'README'), 'hello');
    expect((await store.load()).problems).toEqual([]);
    expect(await files('leases')).toEqual(['README']);
  });
});

describe('a copy of a file is no second record: set aside by name, told, and never acted on', () => {
  const COPIES = [
    ['leases', 'bbbbbbbbbbbb-copy'],
    ['leases', 'x(1)'],
    ['leases', 'é'],
    ['leases', ''],
    ['leases', '.'],
    ['leases', 'copy of x'],
    ['networks', 'copy'],
    ['pools', 'copy'],
  ] as const;

  it.each(COPIES)('%s/%s.json', async (kind, name) => {
    await store.save(kind, RECORDS[kind]);
    const { id } = RECORDS[kind];
    const folder = join(dir, 'state', kind);
    await copyFile(join(folder, `${id}.json`), join(folder, `${name}.json`));
    const contents = await store.load();
    expect(contents[kind]).toEqual([RECORDS[kind]]);
    expect(contents.damages).toEqual([]);
    expect(contents.problems.map(({ message }) => message)).toEqual([
      expect.stringMatching(
        /\.json is not usable: .*(not the name of the file|its name is no id); set aside as \.unreadable$/,
      ),
    ]);
    expect(await files(kind)).toEqual([`${name}.json.unreadable`, `${id}.json`].sort());
    expect((await store.load()).problems[0]!.message).toMatch(/look at it, then remove it/);
  });

  it.each([['x(1)'], ['']])('also where the id in it cannot be read: %j', async (name) => {
    const record = { ...ENDPOINT, id: 5 };
    const path = join(dir, 'state', 'leases', `${name}.json`);
    await writeFile(path, JSON.stringify({ version: 1, record }));
    const { leases, problems } = await store.load();
    expect([leases, problems.length]).toEqual([[], 1]);
    expect(await files('leases')).toEqual([`${name}.json.unreadable`]);
  });
});

describe('what is in the place of a file is refused at once, and set aside', () => {
  beforeEach(() => store.save('networks', NETWORK));

  it.each<[string, () => unknown, RegExp]>([
    ['a FIFO', () => execFileSync('mkfifo', [endpointFile()]), /no regular file/],
    ['a folder', () => mkdir(endpointFile()), /no regular file/],
    ['a device', () => symlink('/dev/zero', endpointFile()), /no regular file/],
    ['a link to itself', () => symlink(endpointFile(), endpointFile()), /a link to itself/],
    ['60 MB', () => writeFile(endpointFile(), Buffer.alloc(60_000_000)), /60000000 bytes long/],
    [
      'JSON nested 100,000 deep',
      () =>
        writeFile(endpointFile(), `{"version":1,"record":${'['.repeat(1e5)}${']'.repeat(1e5)}}`),
      /./,
    ],
    [
      'a record nested 20 deep',
      () =>
        writeFile(
          endpointFile(),
          `{"version":1,"record":{"x":${'['.repeat(20)}${']'.repeat(20)}}}`,
        ),
      /nested more than 12 deep/,
    ],
  ])('%s', async (_what, put, reason) => {
    await put();
    const { networks, problems } = await store.load();
    expect(networks).toHaveLength(1);
    expect(problems.map(({ message }) => message)).toEqual([expect.stringMatching(reason)]);
    expect(problems[0]!.message).toMatch(/ is not usable: .*; set aside as \.unreadable$/);
    expect(await files('leases')).toEqual([`${ENDPOINT.id}.json.unreadable`]);
    await store.save('leases', LEASE);
    expect((await store.load()).leases).toHaveLength(1);
  });

  it('a FIFO in the place of a temporary file fails the write, and is gone at the next start', async () => {
    execFileSync('mkfifo', [`${endpointFile()}.tmp`]);
    expect((await refusal(store.save('leases', LEASE))).code).toBe('STATE_UNWRITABLE');
    await store.load();
    await store.save('leases', LEASE);
    expect(await files('leases')).toEqual([`${ENDPOINT.id}.json`]);
  });
});

describe('a record that makes sense in part', () => {
  const endless = { ...ENDPOINT.lease!, expiresAt: undefined };
  const beginless = { ...ENDPOINT.lease!, requestedAt: undefined };
  const LOST = { cause: 'damaged-record', isAddressKept: true };

  it.each<[string, object, RegExp, object]>([
    ['mtu: "x"', { mtu: 'x' }, /mtu is "x" and not an MTU from 68/, { mtu: 1500 }],
    ['mtu: 99999', { mtu: 99999 }, /mtu is 99999 and not/, { mtu: 1500, lease: ENDPOINT.lease }],
    ['hostName: 5', { hostName: 5 }, /hostName is 5 and not a host name/, { hostName: undefined }],
    ['hostName: "é"', { hostName: 'é' }, /hostName is "é" and not a host name/, {}],
    ['a host name of 10,000 letters', { hostName: 'a'.repeat(1e4) }, /^.{0,400}$/, {}],
    ['no expiresAt', { lease: endless }, /lacks lease.expiresAt/, { lease: undefined, lost: LOST }],
    ['no requestedAt', { lease: beginless }, /lacks lease.requestedAt/, { lost: LOST }],
    [
      'times out of order',
      { lease: { ...ENDPOINT.lease!, t1At: 1e12, t2At: 1 } },
      /lease lacks its times in the order/,
      { lost: LOST },
    ],
    [
      'a year that no calendar has',
      { lease: { ...ENDPOINT.lease!, expiresAt: 8e15 } },
      /lease.expiresAt is 8000000000000000 and not a time/,
      { lost: LOST },
    ],
    ['no id', { id: undefined }, /lacks holder.id/, { id: ENDPOINT.id }],
    [
      'an id that is none',
      { id: '../x' },
      /holder.id is "..\/x" and not an id/,
      { id: ENDPOINT.id },
    ],
    ['no link names', { hostEnd: 5, containerEnd: '/' }, /hostEnd is 5/, linkEnds(ENDPOINT.id)],
    [
      "another endpoint's link names",
      linkEnds('b'.repeat(64)),
      /lacks hostEnd and containerEnd that are made of its id/,
      linkEnds(ENDPOINT.id),
    ],
    [
      'one of them misspelled',
      { containerEnd: 'vdc0' },
      /lacks hostEnd and containerEnd/,
      linkEnds(ENDPOINT.id),
    ],
  ])('%s: is used without it, and the file kept as it was', async (_what, part, reason, left) => {
    const text = inFile({ ...ENDPOINT, ...part });
    await writeFile(endpointFile(), text);
    const { leases, problems, damages } = await store.load();
    expect(problems).toEqual([]);
    expect(leases.filter(isOfEndpoint).map(endpointOf)).toMatchObject([
      { networkId: NETWORK.id, mac: ENDPOINT.mac, ...left },
    ]);
    expect(damages).toHaveLength(1);
    expect(damages[0]!.message).toMatch(/^state file .*\.json is damaged: .*kept as \.damaged$/);
    const told = /is damaged: (.*); what can be read/.exec(damages[0]!.message)?.[1];
    expect(told).toMatch(reason);
    expect(await readFile(`${endpointFile()}.damaged`, 'utf8')).toBe(text);
    // Repaired. The next start reports nothing, and keeps the damaged file for people who look into
    // it.
    expect(await store.load()).toMatchObject({ leases, problems: [], damages: [] });
    expect(await files('leases')).toHaveLength(2);
  });

  it.each<[string, object]>([
    ['mac: 5', { ...ENDPOINT, mac: 5 }],
    ['mac of a group', { ...ENDPOINT, mac: '01:00:5e:00:00:01' }],
    ['no network', { ...ENDPOINT, networkId: undefined }],
    ['neither a lease nor terms', { ...ENDPOINT, lease: undefined, terms: undefined, mac: '' }],
  ])('%s: who it is about is not guessed; set aside', async (_what, record) => {
    await writeFile(endpointFile(), inFile(record));
    const { leases, problems } = await store.load();
    expect([leases, problems.length]).toEqual([[], 1]);
    expect(await files('leases')).toEqual([`${ENDPOINT.id}.json.unreadable`]);
  });

  it('a client-id that cannot be read follows from the MAC, unless it may be made of a name', async () => {
    const damaged = { ...ENDPOINT, clientId: 'xyz' };
    await writeFile(endpointFile(), inFile(damaged));
    expect((await store.load()).leases).toMatchObject([{ clientId: '010200000000aa' }]);
    const record = { ...damaged, addressGiven: true };
    await writeFile(endpointFile(), inFile(record));
    expect((await store.load()).problems).toHaveLength(1);
  });

  it('a client-id of client_id that cannot be read is not guessed', async () => {
    const record = { ...ENDPOINT, clientId: 'xyz', isClientIdTyped: true };
    await writeFile(endpointFile(), inFile(record));
    const { leases, problems } = await store.load();
    expect([leases, problems.length]).toEqual([[], 1]);
  });

  it.each<[string, object, boolean]>([
    ['its lease timeout', { leaseTimeoutMs: 'long' }, true],
    ['its bridge', { bridge: '../x' }, false],
    ['which servers count', { dhcpServers: [5] }, false],
  ])('a network without %s', async (_what, part, isUsed) => {
    const record = { ...NETWORK, options: { ...NETWORK.options, ...part } };
    const path = join(dir, 'state', 'networks', `${NETWORK.id}.json`);
    await writeFile(path, JSON.stringify({ version: 1, record }));
    const { networks, problems } = await store.load();
    expect([networks, problems.length]).toEqual(isUsed ? [[NETWORK], 0] : [[], 1]);
  });

  it('a disk that cannot be written to: what can be read is used all the same', async () => {
    await writeFile(endpointFile(), inFile({ ...ENDPOINT, mtu: 1 }));
    await mkdir(`${endpointFile()}.tmp.x`);
    await mkdir(`${endpointFile()}.damaged`);
    const { leases, damages } = await store.load();
    expect(leases.filter(isOfEndpoint).map(endpointOf)).toMatchObject([{ mtu: 1500 }]);
    expect(damages[0]!.message).toMatch(/what can be read is used; left as it is: /);
  });
});

describe('what older versions wrote', () => {
  /** Writes the state of the version before: a folder for each kind of holder. */
  async function former(kind: string, record: Readonly<Record<string, unknown>>): Promise<void> {
    const folder = join(dir, 'state', kind);
    await mkdir(folder, { recursive: true });
    await writeFile(
      join(folder, `${String(record['id'])}.json`),
      JSON.stringify({ version: 1, record }),
    );
  }
  const FORMER = { ...ENDPOINT, leaseId: undefined };

  it('leases that lay with whoever had them have a record of their own', async () => {
    await former('endpoints', FORMER);
    await former('held', { ...HELD, clientId: '0201', isOrphan: true });
    await former('addresses', { ...ADDRESS, clientId: '0202' });
    const { leases, problems, damages } = await store.load();
    expect([problems, damages]).toEqual([[], []]);
    expect(leases).toEqual([
      leaseOfAddress({ ...ADDRESS, clientId: '0202' }),
      LEASE,
      leaseOfHeld({ ...HELD, clientId: '0201', isOrphan: true }),
    ]);
    expect((await readdir(join(dir, 'state'))).sort()).toEqual(['leases', 'networks', 'pools']);
    expect(await store.load()).toMatchObject({ leases, problems: [], damages: [] });
  });

  it('what a crash had left with two is with the endpoint', async () => {
    await former('endpoints', FORMER);
    await former('held', { ...HELD });
    await former('addresses', { ...ADDRESS, scopeId: NETWORK.id });
    expect((await store.load()).leases).toEqual([LEASE]);
  });

  it('a start that was cut short is gone on with', async () => {
    await former('endpoints', FORMER);
    await store.load();
    await former('endpoints', { ...FORMER, mtu: 1400 });
    expect((await store.load()).leases).toEqual([LEASE]);
  });

  it('what makes no sense is told and set aside, and what makes sense in part is used', async () => {
    await former('endpoints', { ...FORMER, mtu: 'x' });
    await former('held', { ...HELD, clientId: 5 });
    await writeFile(join(dir, 'state', 'endpoints', 'torn.json'), '{"version":1,"rec');
    const { leases, problems, damages } = await store.load();
    expect([leases, problems.length, damages.length]).toEqual([[LEASE], 2, 1]);
    expect(await files('leases')).toEqual(
      expect.arrayContaining(['torn.json.unreadable', `${HELD.id}.json.unreadable`]),
    );
  });

  it('a folder that cannot be taken over is fatal, and says so', async () => {
    await writeFile(join(dir, 'state', 'endpoints'), '');
    const { code, message } = await refusal(store.load());
    expect(code).toBe('STATE_UNREADABLE');
    expect(message).toMatch(/endpoints of an earlier version cannot be taken over: ENOTDIR/);
  });

  it('a network without the later options has their defaults', async () => {
    const { parent, vlan, bridge, leaseTimeoutMs } = NETWORK.options;
    const record = { ...NETWORK, options: { parent, vlan, bridge, leaseTimeoutMs } };
    const path = join(dir, 'state', 'networks', `${NETWORK.id}.json`);
    await writeFile(path, JSON.stringify({ version: 1, record }));
    const { networks } = await store.load();
    expect(networks).toEqual([NETWORK]);
    // CreateNetwork compares them as text when dockerd repeats itself.
    expect(JSON.stringify(networks[0]!.options)).toBe(JSON.stringify(NETWORK.options));
  });

  it('release=never comes back as never', async () => {
    const options = { ...NETWORK.options, releaseAfterMs: Infinity };
    await store.save('networks', { ...NETWORK, options });
    expect((await store.load()).networks[0]!.options.releaseAfterMs).toBe(Infinity);
  });
});

describe('a disk that does not give out what is on it', () => {
  it('a folder that cannot be listed is fatal: half a picture would clear containers away', async () => {
    await rm(join(dir, 'state', 'leases'), { recursive: true });
    await writeFile(join(dir, 'state', 'leases'), '');
    const { code, message } = await refusal(store.load());
    expect(code).toBe('STATE_UNREADABLE');
    expect(message).toMatch(/^state folder .*leases cannot be read: ENOTDIR.*; mend the disk/);
  });
});

describe('a folder that cannot be written to', () => {
  it('is refused at start with path, reason and remedy', async () => {
    await writeFile(join(dir, 'file'), '');
    const { code, message } = await refusal(Store.open(join(dir, 'file')));
    expect(code).toBe('STATE_UNWRITABLE');
    expect(message).toMatch(
      /^state cannot be written to .*file: .+; free space or mend permissions/,
    );
  });

  it('fails a save with the same sentence, and leaves no temporary file', async () => {
    await rm(join(dir, 'state', 'networks'), { recursive: true });
    await writeFile(join(dir, 'state', 'networks'), '');
    const { code, message } = await refusal(store.save('networks', NETWORK));
    expect(code).toBe('STATE_UNWRITABLE');
    expect(message).toContain(NETWORK.id);
  });

  it('fails a delete with the same sentence', async () => {
    await rm(join(dir, 'state', 'networks'), { recursive: true });
    await writeFile(join(dir, 'state', 'networks'), '');
    expect((await refusal(store.delete('networks', NETWORK.id))).code).toBe('STATE_UNWRITABLE');
  });

  it('keeps what was stored before when a save fails', async () => {
    await store.save('networks', NETWORK);
    await rm(join(dir, 'state', 'leases'), { recursive: true });
    await refusal(store.save('leases', LEASE));
    expect(await files('networks')).toHaveLength(1);
  });
});
