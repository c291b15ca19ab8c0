/** When a member asks for a certificate, serves Docker and stops it, under a clock of the test. */
import { beforeEach, expect, it } from 'vitest';
import type { Credentials } from '../../../plugin/uplink/manage/credentials.ts';
import { ManagedUplink } from '../../../plugin/uplink/manage/managed-uplink.ts';
import type { UplinkRecord } from '../../../plugin/uplink/member/member-record.ts';
import {
  makeAuthority,
  publicKeyOfRequest,
  sign,
} from '../../../plugin/uplink/manage/certificates.ts';
import { generateKey, publicKeyOf } from '../../../plugin/uplink/wireguard-key.ts';
import { FakeClock } from '../../support/time/fake-clock.ts';
import { CLIENT } from '../../support/uplink/manage-clients.ts';
import { MemoryLogger } from '../../support/fakes/memory-logger.ts';

const DAY = 86_400_000;
const ADDRESS = '10.83.41.3';
const authority = await makeAuthority('vlandhcp hub of hq', { from: 0, until: 4e12 });

const record = (more: Partial<UplinkRecord> = {}): UplinkRecord => ({
  ...{ device: 'uplink0', privateKey: generateKey(), tokenId: 'x', isManaged: true },
  hub: {
    ...{ site: 'hq', publicKey: publicKeyOf(generateKey()), address: '10.83.41.1' },
    endpoints: ['203.0.113.10:51820'],
  },
  view: {
    ...{ name: 'laptop', site: 'hq', address: ADDRESS, vni: 8_388_611, vlans: [500], mtu: 1500 },
    ...{ mesh: false, held: false, revision: 1, client: CLIENT },
  },
  ...more,
});
const withView = (more: object): UplinkRecord => record({ view: { ...record().view!, ...more } });

let clock: FakeClock;
let log: MemoryLogger;
let disk: Credentials | undefined;
let asked: number;
let withdrawn: number;
let isHubSilent: boolean;
let hubAhead: number;
let served: { certificate: string; client: string } | undefined;
let managed: ManagedUplink;

function boot(): ManagedUplink {
  return new ManagedUplink(
    {
      ...{ clock, log },
      store: {
        load: () => Promise.resolve(disk),
        save: (_, made) => Promise.resolve(void (disk = made)),
        remove: () => Promise.resolve(void (disk = undefined)),
      },
      hub: {
        async request(_, request) {
          asked += 1;
          if (isHubSilent) throw new Error('the hub does not answer');
          const publicKey = (await publicKeyOfRequest(request))!;
          const now = clock.wall() + hubAhead;
          const certificate = await sign(authority, {
            ...{ subject: 'laptop', publicKey, use: 'server', names: [ADDRESS] },
            ...{ from: now - 600_000, until: now + 90 * DAY },
          });
          return { certificate, authority: authority.certificate, now };
        },
        withdraw: () => Promise.resolve((withdrawn += 1) > 0),
      },
      open: (_, __, trust) => {
        const note = ({ credentials, client }: typeof trust): void =>
          void (served = { certificate: credentials.certificate, client });
        note(trust);
        return Promise.resolve({
          trust: note,
          close: () => Promise.resolve(void (served = undefined)),
        });
      },
    },
    record(),
  );
}

beforeEach(() => {
  clock = new FakeClock();
  log = new MemoryLogger();
  disk = served = undefined;
  asked = withdrawn = hubAhead = 0;
  isHubSilent = false;
  managed = boot();
});

it('a certificate is asked for once, and serves over restarts without the hub', async () => {
  await managed.update(record(), 'UP');
  await managed.update(record(), 'UP');
  expect([asked, served?.client, managed.status?.problem]).toEqual([1, CLIENT, undefined]);
  await managed.close();
  expect(served).toBeUndefined();
  managed = boot();
  await managed.update(record(), 'SILENT');
  expect([asked, served?.client]).toEqual([1, CLIENT]);
});

it('it is renewed after 60 of 90 days; while the hub is silent the old one serves on', async () => {
  await managed.update(record(), 'UP');
  const first = served?.certificate;
  clock.stepWall(59 * DAY);
  await managed.update(record(), 'UP');
  expect(served?.certificate).toBe(first);
  clock.stepWall(2 * DAY);
  isHubSilent = true;
  await managed.update(record(), 'UP');
  expect([served?.certificate === first, managed.status?.problem]).toEqual([
    ...[true, 'the hub does not answer'],
  ]);
  isHubSilent = false;
  await managed.update(record(), 'UP');
  expect([served?.certificate === first, managed.status?.problem]).toEqual([false, undefined]);
});

it('a hub that does not know it any more is asked again; another address needs another one', async () => {
  await managed.update(record(), 'UP');
  await managed.update(withView({ client: undefined }), 'UP');
  expect([asked, served]).toEqual([2, undefined]);
  await managed.update(record(), 'UP');
  expect(served?.client).toBe(CLIENT);
  await managed.update(withView({ address: '10.83.41.4' }), 'UP');
  expect(managed.status?.problem).toContain('does not name this host');
});

it('who waits for approval, was revoked or is not managed is not served, and off is told', async () => {
  await managed.update(withView({ held: true }), 'UP');
  expect([asked, served]).toEqual([0, undefined]);
  await managed.update(record(), 'UP');
  await managed.update(record(), 'REVOKED');
  expect([served, disk === undefined]).toEqual([undefined, false]);
  await managed.update(record(), 'UP');
  await managed.update(record({ isManaged: false }), 'SILENT');
  expect([served, disk, withdrawn, managed.status]).toEqual([undefined, undefined, 0, undefined]);
  await managed.update(record({ isManaged: false }), 'UP');
  expect(withdrawn).toBe(1);
});

it('a clock that is wrong by more than ten minutes is said, with how much', async () => {
  hubAhead = 3 * 3_600_000;
  await managed.update(record(), 'UP');
  expect(managed.status?.problem).toBe(
    'the clock of this host is 180 min behind that of the hub, and certificates go by it; set it',
  );
  expect(log.messages('warn')).toEqual(['clock of this host is wrong']);
});

it('clients from before an end that the hub did not hear are ended before others are served', async () => {
  await managed.update(record({ isEnding: true }), 'SILENT');
  expect([withdrawn, served, managed.status?.problem]).toEqual([
    ...[0, undefined, 'the hub has not heard yet that the management has ended'],
  ]);
  await managed.update(record({ isEnding: true }), 'UP');
  expect([withdrawn, asked, served]).toEqual([1, 0, undefined]);
  const [other] = [CLIENT.replace(/1$/, '2')];
  await managed.update(withView({ client: undefined }), 'UP');
  await managed.update(withView({ client: other }), 'UP');
  expect([withdrawn, asked, served?.client]).toEqual([1, 1, other]);
});
