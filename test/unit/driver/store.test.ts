import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseNetworkOptions } from '../../../plugin/driver/options.ts';
import {
  restoreLease,
  storeLease,
  termsOf,
  type EndpointRecord,
} from '../../../plugin/driver/records.ts';
import type { HeldRecord, NetworkRecord } from '../../../plugin/driver/records.ts';
import { storeMoment } from '../../../plugin/driver/stored-lease.ts';
import { Store } from '../../../plugin/driver/store.ts';
import { refusal } from '../../support/driver-rig.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { ip, lease, mac } from '../../support/messages.ts';

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
  networkId: NETWORK.id,
  hostEnd: 'vdh0',
  containerEnd: 'vdc0',
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

let dir: string;
let store: Store;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'vlandhcp-store-'));
  store = await Store.open(join(dir, 'state'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const endpointFile = () => join(dir, 'state', 'endpoints', `${ENDPOINT.id}.json`);
const files = (kind: string) => readdir(join(dir, 'state', kind));

describe('what is stored', () => {
  it('comes back as it was; what was undefined is absent', async () => {
    await store.save('networks', NETWORK);
    await store.save('endpoints', ENDPOINT);
    await store.save('held', HELD);
    const contents = await (await Store.open(join(dir, 'state'))).load();
    expect(contents).toEqual({
      networks: [NETWORK],
      endpoints: [ENDPOINT],
      held: [HELD],
      pools: [],
      addresses: [],
      problems: [],
      damages: [],
    });
  });

  it('an infinite lease is written as a word and comes back infinite (time.ts)', async () => {
    const infinite = lease({ t1At: Infinity, t2At: Infinity, expiresAt: Infinity });
    const record = { ...ENDPOINT, lease: storeLease(infinite, clock) };
    await store.save('endpoints', record);
    expect(await readFile(endpointFile(), 'utf8')).toContain('"expiresAt":"infinite"');
    const { endpoints } = await store.load();
    expect(restoreLease(endpoints[0]!.lease!, clock)).toMatchObject({
      t1At: Infinity,
      t2At: Infinity,
      expiresAt: Infinity,
    });
  });

  it('a host called infinite stays one', async () => {
    await store.save('endpoints', { ...ENDPOINT, hostName: 'infinite' });
    expect((await store.load()).endpoints[0]!.hostName).toBe('infinite');
  });

  it('is replaced whole, readable by root alone, and leaves no temporary file', async () => {
    await store.save('endpoints', ENDPOINT);
    await store.save('endpoints', { ...ENDPOINT, mtu: 1400 });
    expect((await store.load()).endpoints).toMatchObject([{ mtu: 1400 }]);
    expect((await stat(endpointFile())).mode & 0o777).toBe(0o600);
    expect((await stat(join(dir, 'state', 'endpoints'))).mode & 0o777).toBe(0o700);
    expect(await files('endpoints')).toEqual([`${ENDPOINT.id}.json`]);
  });

  it('deleting is idempotent', async () => {
    await store.save('networks', NETWORK);
    await store.delete('networks', NETWORK.id);
    await store.delete('networks', NETWORK.id);
    await store.delete('endpoints', 'unknown');
    expect(await files('networks')).toEqual([]);
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
    ['with a record of nulls', JSON.stringify({ version: 1, record: { ...ENDPOINT, mac: null } })],
    ['without version', JSON.stringify({ record: ENDPOINT })],
    ['with a version of no meaning', JSON.stringify({ version: 'x', record: ENDPOINT })],
    ['binary', '\u0000\u0001\u0002'],
  ])('%s: set aside', async (_what, text) => {
    await writeFile(endpointFile(), text);
    const { networks, endpoints, problems } = await store.load();
    expect([networks.length, endpoints.length]).toEqual([1, 0]);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ code: 'STATE_UNREADABLE' });
    expect(problems[0]!.message).toMatch(/^state file .*\.json is not usable: .+; set aside/);
    expect(await files('endpoints')).toEqual([`${ENDPOINT.id}.json.unreadable`]);
    // Told at each start until somebody has looked: what it was may still be in use.
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
    await writeFile(endpointFile(), JSON.stringify({ version: 1, record: { ...ENDPOINT, x: 1 } }));
    expect((await store.load()).endpoints).toMatchObject([{ x: 1 }]);
  });

  it('a temporary file that a crash left is removed; the old file counts', async () => {
    await store.save('endpoints', ENDPOINT);
    await writeFile(`${endpointFile()}.tmp`, '{"version":1,"rec');
    const { endpoints, problems } = await store.load();
    expect([endpoints.length, problems.length]).toEqual([1, 0]);
    expect(await files('endpoints')).toEqual([`${ENDPOINT.id}.json`]);
  });

  it('files of others in the folder are left alone', async () => {
    await writeFile(join(dir, 'state', 'endpoints', 'README'), 'hello');
    expect((await store.load()).problems).toEqual([]);
    expect(await files('endpoints')).toEqual(['README']);
  });
});

describe('what older versions wrote', () => {
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
    await rm(join(dir, 'state', 'endpoints'), { recursive: true });
    await writeFile(join(dir, 'state', 'endpoints'), '');
    const { code, message } = await refusal(store.load());
    expect(code).toBe('STATE_UNREADABLE');
    expect(message).toMatch(/^state folder .*endpoints cannot be read: ENOTDIR.*; mend the disk/);
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
    await rm(join(dir, 'state', 'endpoints'), { recursive: true });
    await refusal(store.save('endpoints', ENDPOINT));
    expect(await files('networks')).toHaveLength(1);
  });
});
