/** What the hub tells operators: of its records, of members that are silent, and of refusals. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { MemberRecord, InviteRecord } from '../../../../plugin/hub/hub-records.ts';
import { withEventLimit } from '../../../../plugin/hub/watch/event-limit.ts';
import type { HubCounted, HubEvent } from '../../../../plugin/hub/watch/hub-events.ts';
import { MemberSilence } from '../../../../plugin/hub/watch/member-silence.ts';
import { WatchedStore } from '../../../../plugin/hub/watch/record-changes.ts';
import { refusals } from '../../../../plugin/hub/watch/refusals.ts';
import type { Recorded } from '../../../../plugin/runtime/history/recorded.ts';
import { generateKey, publicKeyOf } from '../../../../plugin/uplink/wireguard-key.ts';
import { FakeClock } from '../../../support/time/fake-clock.ts';
import { hubRecord, MemoryHubStore, UplinkWorld } from '../../../support/uplink/uplink-world.ts';

const record = hubRecord();
const LAPTOP: MemberRecord = {
  ...{ name: 'laptop', number: 3, inviteId: '00', publicKey: publicKeyOf(generateKey()) },
  ...{ vlans: [500], mesh: false, phase: 'member', hostName: 'host.example', joinedAt: 0 },
  revision: 1,
};
const INVITE: InviteRecord = {
  ...{ id: '00', name: 'laptop', number: 2, publicKey: publicKeyOf(generateKey()), vlans: [500] },
  ...{ mesh: false, approve: false, createdAt: 0, expiresAt: 3_600_000 },
};

let clock: FakeClock;
let events: (HubEvent | HubCounted)[];
const emit = (event: HubEvent | HubCounted): void => void events.push(event);
const types = () => events.map(({ type }) => type);

beforeEach(() => {
  clock = new FakeClock({ wall: 0 });
  events = [];
});

describe('of the records', () => {
  const watched = (members: MemberRecord[] = [], invites: InviteRecord[] = []) => {
    const disk = new MemoryHubStore();
    const contents = { members, invites };
    const wall = () => clock.wall();
    const store = new WatchedStore(disk, { record, contents, emit, wall, stored: () => undefined });
    return { disk, store };
  };

  it.each<[string, Partial<MemberRecord>, object]>([
    ['approved', {}, { type: 'member.approved', member: 'laptop' }],
    ['given VLANs', { vlans: [500, 600] }, { type: 'vlans.changed', vlans: [500, 600], before: [500] }], // prettier-ignore
    ['revoked', { phase: 'revoked', endedAt: 1 }, { type: 'member.revoked', member: 'laptop' }],
    ['gone', { phase: 'left', endedAt: 1 }, { type: 'member.left', member: 'laptop' }],
    ['narrow', { pathMtu: 1196 }, { type: 'path.changed', mtu: 1196 }],
    ['managed', { managed: { isOn: true, clients: 1 } }, { type: 'management.on' }],
  ])('a member that is %s is told once, with what changed', async (what, change, told) => {
    const before: MemberRecord = what === 'approved' ? { ...LAPTOP, phase: 'held' } : LAPTOP;
    const { store } = watched([before]);
    const after = { ...LAPTOP, ...change, revision: 2 };
    await store.saveMember(after);
    expect(events).toEqual([expect.objectContaining(told)]);
    await store.saveMember({ ...after, confirmedAt: 5 });
    expect(events).toHaveLength(1);
  });

  it('a new key has the fingerprint of the key, and a next key that is not heard yet is not told', async () => {
    const { store } = watched([LAPTOP]);
    const key = publicKeyOf(generateKey());
    await store.saveMember({ ...LAPTOP, nextKey: { key, since: 0 } });
    expect(events).toEqual([]);
    await store.saveMember({ ...LAPTOP, publicKey: key });
    expect(events).toMatchObject([{ type: 'key.changed', member: 'laptop' }]);
  });

  it('an invitation that a host uses is a join, and no end of the invitation', async () => {
    const { store } = watched();
    await store.saveInvite(INVITE);
    await store.saveMember({ ...LAPTOP, phase: 'held' });
    await store.removeInvite(INVITE);
    expect(events).toEqual([
      { type: 'invitation.made', member: 'laptop', vlans: [500] },
      {
        ...{ type: 'member.joined', member: 'laptop', host: 'host.example', vlans: [500] },
        ...{ address: '10.83.41.3', held: true },
      },
    ]);
  });

  it('an invitation that nobody uses is withdrawn before its end, and has expired after it', async () => {
    const { store } = watched([], [INVITE, { ...INVITE, id: '01', number: 4, name: 'late' }]);
    await store.removeInvite(INVITE);
    await clock.pass(3_600_000);
    await store.removeInvite({ ...INVITE, id: '01', number: 4, name: 'late' });
    expect(events).toEqual([
      { type: 'invitation.ended', member: 'laptop', cause: 'withdrawn' },
      { type: 'invitation.ended', member: 'late', cause: 'expired' },
    ]);
  });

  it('what is not on the disk is not told', async () => {
    const { disk, store } = watched([LAPTOP]);
    disk.isFull = true;
    await expect(store.saveMember({ ...LAPTOP, vlans: [600] })).rejects.toThrow('ENOSPC');
    expect(events).toEqual([]);
  });
});

describe('of silence', () => {
  const at = (number: number) => `10.83.41.${number}`;
  const started = (history: Recorded<HubEvent>[] = []) =>
    new MemberSilence({ record, clock, emit, history }, [LAPTOP]);

  it('a member is silent 15 s after its last word, and told once', async () => {
    const silence = started();
    await clock.pass(10_000);
    silence.word(at(3));
    await clock.pass(14_999);
    expect(events).toEqual([]);
    await clock.pass(1);
    await clock.pass(60_000);
    expect(events).toEqual([{ type: 'member.silent', member: 'laptop' }]);
    expect(silence.ages().get('laptop')).toBe(75_000);
    silence.word(at(3));
    silence.word(at(3));
    expect(events.slice(1)).toEqual([{ type: 'member.back', member: 'laptop', silentMs: 75_000 }]);
    await clock.pass(15_000);
    expect(types()).toEqual(['member.silent', 'member.back', 'member.silent']);
  });

  it('words of others, and of who has ended, keep nobody from being silent', async () => {
    const silence = started();
    await clock.pass(14_000);
    for (const number of [1, 2, 4, 33]) silence.word(at(number));
    await clock.pass(1_000);
    expect(types()).toEqual(['member.silent']);
    silence.stored({ ...LAPTOP, phase: 'revoked' });
    silence.word(at(3));
    await clock.pass(60_000);
    expect(types()).toEqual(['member.silent']);
    expect(silence.ages().size).toBe(0);
  });

  it('a restart of the hub makes nobody silent again, and knows since when', async () => {
    const iso = new Date(clock.wall()).toISOString();
    await clock.pass(100_000);
    const silence = started([{ id: 1, at: iso, type: 'member.silent', member: 'laptop' }]);
    await clock.pass(60_000);
    expect(events).toEqual([]);
    silence.word(at(3));
    expect(events).toEqual([{ type: 'member.back', member: 'laptop', silentMs: 175_000 }]);
  });

  it('after it is closed nothing is told', async () => {
    const silence = started();
    silence.close();
    await clock.pass(60_000);
    expect(events).toEqual([]);
  });
});

describe('of refusals', () => {
  const answered = () =>
    refusals({ clock, emit, nameAt: (from) => (from === '10.83.41.2' ? 'laptop' : undefined) });
  const call = { method: 'POST', path: '/v1/members', from: '10.83.41.2' };

  it('a token that comes again is told with who has used it', () => {
    answered()(call, { status: 409, body: { error: 'used', usedBy: 'host (key aa)' } });
    expect(events).toEqual([
      { type: 'refusal', reason: 'token-used' },
      { type: 'token.used-again', member: 'laptop', usedBy: 'host (key aa)' },
    ]);
  });

  it('each is counted, and the same one is told again after 10 minutes', async () => {
    const told = answered();
    const refuse = () => told(call, { status: 429, body: { error: 'too often' } });
    for (let time = 0; time < 100; time += 1) refuse();
    await clock.pass(599_999);
    refuse();
    expect(types().filter((type) => type === 'call.refused')).toHaveLength(1);
    await clock.pass(1);
    refuse();
    expect(types().filter((type) => type === 'call.refused')).toHaveLength(2);
    expect(types().filter((type) => type === 'refusal')).toHaveLength(102);
  });

  it('paths that somebody makes up are one, and what is granted is none', () => {
    const told = answered();
    for (let time = 0; time < 100; time += 1) {
      told({ ...call, path: `/v1/${time}` }, { status: 404, body: { error: 'no such call' } });
    }
    told(call, { status: 200, body: {} });
    told(call, { status: 204 });
    // By this a member learns that it was revoked.
    told({ ...call, method: 'GET', path: '/v1/self' }, { status: 403, body: { error: 'revoked' } });
    expect(events.filter(({ type }) => type === 'call.refused')).toEqual([
      expect.objectContaining({ call: 'another call', reason: 'no-such-call', member: 'laptop' }),
    ]);
  });
});

it('a member has 60 events in an hour, and cannot push out those of others or of the operator', async () => {
  const limited = withEventLimit(emit, clock);
  for (let time = 0; time < 1_000; time += 1) {
    limited({ type: 'path.changed', member: 'laptop', mtu: 1000 + (time % 2) });
  }
  expect(events).toHaveLength(60);
  expect(events.at(-1)).toEqual({ type: 'member.busy', member: 'laptop' });
  limited({ type: 'member.silent', member: 'other' });
  limited({ type: 'member.revoked', member: 'laptop' });
  expect(types().slice(60)).toEqual(['member.silent', 'member.revoked']);
  await clock.pass(3_600_000);
  limited({ type: 'member.silent', member: 'laptop' });
  expect(events).toHaveLength(63);
});

it('a member that is refused in every way has 60 events in an hour, too', async () => {
  const limited = withEventLimit(emit, clock);
  const told = refusals({ clock, emit: limited, nameAt: () => 'laptop' });
  const paths = ['/v1/members', '/v1/self', '/v1/self/key', '/v1/self/path', '/v1/self/request'];
  for (let time = 0; time < 5; time += 1) {
    for (const method of ['GET', 'POST', 'PUT', 'DELETE']) {
      for (const path of paths) {
        told({ method, path, from: '10.83.41.3' }, { status: 400, body: { error: 'wrong' } });
      }
    }
    await clock.pass(600_000);
  }
  expect(types().filter((type) => type !== 'refusal')).toHaveLength(60);
  expect(types().filter((type) => type === 'refusal')).toHaveLength(100);
});

it('a member whose keys are not heard again and again does not fill the history', async () => {
  const world = new UplinkWorld();
  const host = world.host();
  await world.until(host.uplinks.join(await world.invite(), 'uplink0'));
  const from = host.kernel?.address ?? '';
  const answers = [];
  for (let time = 0; time < 30; time += 1) {
    answers.push((await world.answers.rotate(from, publicKeyOf(generateKey()))).status);
    await world.clock.pass(12_000);
  }
  const warned = world.log.lines.filter(({ message }) => message.startsWith('new key of a member'));
  expect(warned).toHaveLength(10);
  expect(answers.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 204));
  expect(answers.at(-1)).toBe(429);
  await world.clock.pass(3_600_000);
  expect((await world.answers.rotate(from, publicKeyOf(generateKey()))).status).toBe(204);
  host.uplinks.close();
  world.hub.close();
});
