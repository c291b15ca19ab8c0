/** Join, silence, revocation and rotation: hub and members in memory, under virtual time. */
import { describe, expect, it } from 'vitest';
import { proves } from '../../support/uplink/acceptance.ts';
import { parseToken } from '../../../plugin/uplink/protocol/token.ts';
import { publicKeyOf } from '../../../plugin/uplink/wireguard-key.ts';
import { UplinkWorld, type Fate } from '../../support/uplink/uplink-world.ts';

async function joinedWorld() {
  const world = new UplinkWorld();
  const host = world.host();
  const token = await world.invite();
  const joined = await world.until(host.uplinks.join(token, 'uplink0'));
  return { world, host, token, joined };
}

/** The fates of the first questions; then all goes well. */
function fates(...first: readonly Fate[]): () => Fate {
  const left = [...first];
  return () => left.shift() ?? 'ok';
}

describe('join', () => {
  it('makes a member with its own key, address, number and VLANs, at both ends', async () => {
    const { world, host, joined } = await joinedWorld();
    expect(joined).toMatchObject({
      site: 'hq',
      state: 'up',
      address: '10.83.41.3',
      name: 'laptop',
    });
    expect(host.kernel).toMatchObject({
      address: '10.83.41.3',
      trunk: { site: 'hq', vlans: [500, 600], mtu: 1500, carrier: true },
    });
    const [member] = world.ports?.members ?? [];
    expect(member).toMatchObject({ name: 'laptop', number: 3, vlans: [500, 600] });
    expect(member?.publicKey).toBe(host.publicKey);
    expect(member?.vni).toBe(host.kernel?.trunk?.vni);
    expect(joined.ms).toBeLessThan(1_000);
  });

  it.each<[string, Fate[]]>([
    ['the first question is lost', ['question-lost']],
    ['the first answer is lost', ['answer-lost']],
    ['two answers are lost', ['answer-lost', 'answer-lost']],
    ['question, then answer are lost', ['question-lost', 'answer-lost']],
    ['the answer is late', [1_900]],
    ['the answer comes after the question was given up', [3_000]],
    ['the answer comes after the next address was tried', [6_000]],
  ])('works, and makes one member, if %s', async (_, first) => {
    const world = new UplinkWorld();
    const host = world.host();
    host.fate = fates(...first);
    host.addresses = [...world.record.endpoints];
    await world.until(host.uplinks.join(await world.invite(), 'uplink0'));
    expect(world.ports?.members.map(({ publicKey }) => publicKey)).toEqual([host.publicKey]);
    expect(world.store.members.size).toBe(1);
  });

  it('tries the next address of the hub after 5 s', async () => {
    const world = new UplinkWorld();
    const host = world.host();
    host.addresses = ['198.51.100.1:51820', ...world.record.endpoints];
    const joined = await world.until(host.uplinks.join(await world.invite(), 'uplink0'));
    expect(joined.ms).toBeGreaterThanOrEqual(5_000);
    expect(joined.ms).toBeLessThan(6_500);
  });

  it('gives up after two rounds, names what it tried, and leaves no link', async () => {
    const world = new UplinkWorld();
    const host = world.host();
    const token = await world.invite();
    world.isCut = true;
    await expect(world.until(host.uplinks.join(token, 'uplink0'))).rejects.toThrow(
      'the hub of "hq" does not answer on UDP 203.0.113.10:51820 (2 tries, 10 s); see that the hub runs, and that no firewall between here and there stops this port',
    );
    expect(host.kernel).toBeUndefined();
    expect(await host.uplinks.status()).toEqual([]);
  });

  it('comes with the same key again after a join whose answers were all lost', async () => {
    const world = new UplinkWorld();
    const host = world.host();
    const token = await world.invite();
    host.fate = (what) => (what === 'post' ? 'answer-lost' : 'ok');
    await expect(world.until(host.uplinks.join(token, 'uplink0'))).rejects.toThrow(/not answer/);
    expect(world.store.members.size).toBe(1);
    host.boot(); // and in another process
    await host.start();
    host.fate = () => 'ok';
    await world.until(host.uplinks.join(token, 'uplink0'));
    expect(world.store.members.size).toBe(1);
    expect(host.kernel?.trunk?.vlans).toEqual([500, 600]);
  });

  it('is refused with who and when if another host used the token', async () => {
    const { world, token } = await joinedWorld();
    const other = world.host();
    await expect(world.until(other.uplinks.join(token, 'uplink0'))).rejects.toThrow(
      /^the hub of "hq" refuses: the token was used already by laptop\.example \(key [0-9a-f-]{19}\) at 2026-01-01T00:00:0\d\.\d+Z; if that host is not yours, revoke it at the hub; then ask for a new token$/,
    );
    expect([other.kernel, other.disk.size]).toEqual([undefined, 0]);
    expect(world.store.members.size).toBe(1);
    proves('attack-token', 'refused, with who and when; one member at the hub');
  });

  it('gives a token that two hosts use at once to one of them', async () => {
    const world = new UplinkWorld();
    const [first, second] = [world.host(), world.host()];
    const token = await world.invite();
    const ends = await world.until(
      Promise.allSettled([first, second].map((one) => one.uplinks.join(token, 'uplink0'))),
    );
    expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(world.ports?.members).toHaveLength(1);
  });

  it('is refused as late by the hub if the clock here is slow', async () => {
    const world = new UplinkWorld();
    const host = world.host();
    const token = await world.invite('laptop', { expiresMs: 60_000 });
    const { expiresAt } = parseToken(token, world.clock.wall());
    await world.clock.pass(61_000);
    world.clock.stepWall(-61_000); // this host believes that it is in time
    const late = host.uplinks.join(token, 'uplink0');
    world.clock.stepWall(61_000);
    await expect(world.until(late)).rejects.toThrow(
      `the hub of "hq" refuses: the token expired at ${new Date(expiresAt).toISOString()}, by the clock of the hub; ask for a new token at the hub: vlandhcp hub invite NAME`,
    );
    proves('day-clock', 'a slow clock: refused, by the clock of the hub');
  });

  it('waits and goes on if the disk of the hub is full', async () => {
    const world = new UplinkWorld();
    const host = world.host();
    const token = await world.invite();
    world.store.isFull = true;
    const joined = host.uplinks.join(token, 'uplink0');
    await world.clock.pass(2_500);
    expect(world.ports?.members ?? []).toEqual([]);
    world.store.isFull = false;
    await world.until(joined);
    expect(world.ports?.members).toHaveLength(1);
  });

  it('waits and goes on if the hub dies between writing the member and answering', async () => {
    const world = new UplinkWorld();
    const host = world.host();
    const token = await world.invite();
    host.fate = fates('answer-lost');
    const joined = host.uplinks.join(token, 'uplink0');
    await world.clock.pass(50);
    expect(world.store.members.size).toBe(1);
    world.startHub();
    await world.hub.start();
    await world.until(joined);
    expect(world.ports?.members.map(({ publicKey }) => publicKey)).toEqual([host.publicKey]);
    proves('day-hub-dies', 'the same key again, the same member');
  });

  it.each(['before the hub is asked', 'after the hub has written it', 'when it is done'])(
    'goes on by itself if the process here is killed %s',
    async (when) => {
      const world = new UplinkWorld();
      const host = world.host();
      const token = await world.invite();
      if (when === 'before the hub is asked') host.fate = () => 'question-lost';
      if (when === 'after the hub has written it') host.fate = () => 'answer-lost';
      const first = host.uplinks;
      void first.join(token, 'uplink0').catch(() => undefined);
      await world.clock.pass(200);
      first.close();
      host.fate = () => 'ok';
      host.boot();
      await host.start();
      await world.clock.pass(3_000);
      expect(await host.uplinks.status()).toMatchObject([{ state: 'up', vlans: [500, 600] }]);
      expect(world.store.members.size).toBe(1);
    },
  );

  it('refuses a second uplink to the same hub, and a device that is taken', async () => {
    const { world, host } = await joinedWorld();
    const again = host.uplinks.join(await world.invite('other'), 'uplink1');
    await expect(again).rejects.toThrow(
      'this host is joined to "hq" already, by uplink0; leave it first: vlandhcp uplink leave uplink0',
    );
    const elsewhere = new UplinkWorld({ site: 'branch' });
    await expect(host.uplinks.join(await elsewhere.invite(), 'uplink0')).rejects.toThrow(
      'uplink0 is the uplink to "hq"; choose another name: --dev uplink1',
    );
  });

  it('has no VLAN until an operator approves it, and then at once', async () => {
    const world = new UplinkWorld();
    const host = world.host();
    const token = await world.invite('laptop', { approve: true });
    const joined = await world.until(host.uplinks.join(token, 'uplink0'));
    expect(joined.state).toBe('held');
    expect(host.kernel?.trunk).toBeUndefined();
    expect(world.ports?.members[0]?.vlans).toEqual([]);
    await world.operator.approve('laptop');
    await world.clock.pass(10);
    expect(host.kernel?.trunk?.vlans).toEqual([500, 600]);
    await expect(world.operator.approve('laptop')).rejects.toThrow('laptop is approved already');
  });
});

describe('a member', () => {
  it('has changed VLANs at once, because the hub holds its question', async () => {
    const { world, host } = await joinedWorld();
    await world.clock.pass(7_000);
    await world.operator.setVlans('laptop', [600]);
    await world.clock.pass(10);
    expect(host.kernel?.trunk?.vlans).toEqual([600]);
    expect(host.disk.get('uplink0')?.view?.vlans).toEqual([600]);
  });

  it('asks every five minutes, and says a word every 2.5 s, while nothing happens', async () => {
    const { world, host } = await joinedWorld();
    const [asks, words] = [host.asks, host.said.length];
    await world.clock.pass(900_000);
    expect(host.asks - asks).toBeGreaterThanOrEqual(2);
    expect(host.asks - asks).toBeLessThanOrEqual(3);
    expect(host.said.length - words).toBeGreaterThanOrEqual(350);
    expect(host.said.length - words).toBeLessThanOrEqual(362);
  });

  it('says a word again after 1 s if it is not answered, so that one lost word begins no handshake', async () => {
    const { world, host } = await joinedWorld();
    await world.clock.pass(4_000);
    const [last = 0, revived] = [host.said.at(-1), host.revived];
    const before = host.said.length;
    world.isCut = true;
    await world.clock.pass(last + 3_000 - world.clock.now());
    world.isCut = false;
    await world.clock.pass(5_000);
    const after = host.said.slice(before).map((at) => Math.round((at - last) / 100) / 10);
    expect(after).toEqual([2.5, 3.5, 6]);
    expect(host.revived).toBe(revived);
  });

  it('loses its carrier after 10 s of silence and has it with the next word', async () => {
    const { world, host } = await joinedWorld();
    world.isCut = true;
    await world.clock.pass(8_500);
    expect([host.carrier, host.revived]).toEqual([true, 2]);
    await world.clock.pass(3_500);
    expect(host.carrier).toBe(false);
    expect(await host.uplinks.status()).toMatchObject([{ state: 'silent' }]);
    world.isCut = false;
    await world.clock.pass(2_500);
    expect(host.carrier).toBe(true);
    expect(await host.uplinks.status()).toMatchObject([{ state: 'up' }]);
  });

  it('keeps its trunk while the hub process is away, in the kernel, from its own disk', async () => {
    const { world, host } = await joinedWorld();
    host.boot();
    world.isHubAway = true;
    await host.start();
    await world.clock.pass(100);
    expect(host.kernel?.trunk?.vlans).toEqual([500, 600]);
  });

  it('says that it was revoked, also if it was silent then', async () => {
    const { world, host } = await joinedWorld();
    world.isCut = true;
    await world.clock.pass(30_000);
    await world.operator.revoke('laptop');
    expect(world.ports?.members).toEqual([]);
    world.isCut = false;
    await world.clock.pass(3_000);
    expect(await host.uplinks.status()).toMatchObject([{ state: 'revoked' }]);
    expect(host.carrier).toBe(false);
  });

  it('is revoked within one step of the held question', async () => {
    const { world, host } = await joinedWorld();
    await world.clock.pass(5_000);
    await world.operator.revoke('laptop');
    await world.clock.pass(5);
    expect(await host.uplinks.status()).toMatchObject([{ state: 'revoked' }]);
    await expect(world.operator.revoke('laptop')).rejects.toThrow(
      'there is no member laptop; there is none yet',
    );
  });

  it('comes back by no command that is typed while it leaves', async () => {
    const { world, host } = await joinedWorld();
    const leaving = host.uplinks.leave('uplink0');
    const managing = host.uplinks.manage('uplink0', true);
    const both = Promise.allSettled([leaving, managing]);
    expect((await world.until(both)).map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
    ]);
    expect([host.kernel, host.disk.size]).toEqual([undefined, 0]);
  });

  it('leaves nothing when it leaves, and the token does not work again', async () => {
    const { world, host, token } = await joinedWorld();
    const left = await world.until(host.uplinks.leave(undefined));
    expect(left).toEqual({ device: 'uplink0', isTold: true });
    await world.clock.pass(10);
    expect([host.kernel, host.disk.size]).toEqual([undefined, 0]);
    expect(world.ports?.members).toEqual([]);
    await expect(world.until(host.uplinks.join(token, 'uplink0'))).rejects.toThrow(/used already/);
  });

  it('leaves nothing here if the hub is silent, and says so', async () => {
    const { world, host } = await joinedWorld();
    world.isCut = true;
    const left = await world.until(host.uplinks.leave('uplink0'));
    expect(left.isTold).toBe(false);
    expect([host.kernel, host.disk.size]).toEqual([undefined, 0]);
    await expect(host.uplinks.leave(undefined)).rejects.toThrow('this host has no uplink');
  });
});

describe('rotation (U16)', () => {
  it('changes the key at both ends', async () => {
    const { world, host } = await joinedWorld();
    const before = host.publicKey;
    await world.until(host.uplinks.rotate(undefined));
    await world.clock.pass(3_000);
    expect(host.publicKey).not.toBe(before);
    expect(world.ports?.members[0]?.publicKey).toBe(host.publicKey);
    const [stored] = world.store.members.values();
    expect([stored?.publicKey, stored?.nextKey]).toEqual([host.publicKey, undefined]);
    expect(host.disk.get('uplink0')?.nextKey).toBeUndefined();
  });

  it.each<[string, Fate]>([
    ['the question', 'question-lost'],
    ['the answer', 'answer-lost'],
  ])('goes back to the old key at both ends if %s is lost', async (_, fate) => {
    const { world, host } = await joinedWorld();
    const before = host.publicKey;
    host.fate = (what) => (what === 'key' ? fate : 'ok');
    const rotated = world.until(host.uplinks.rotate('uplink0'));
    await expect(rotated).rejects.toThrow(/not heard under the new key/);
    await world.clock.pass(30_000);
    expect(host.publicKey).toBe(before);
    expect(world.ports?.members[0]?.publicKey).toBe(before);
    expect(await host.uplinks.status()).toMatchObject([{ state: 'up' }]);
  });

  it('finds the key that the hub knows after a crash in the middle', async () => {
    const { world, host } = await joinedWorld();
    const first = host.uplinks;
    void first.rotate(undefined).catch(() => undefined);
    await world.clock.pass(20); // the hub has heard the new key; the disk here has both
    const { nextKey } = host.disk.get('uplink0') ?? {};
    first.close();
    if (nextKey !== undefined) {
      const [member] = world.store.members.values();
      world.store.members.set(3, { ...member!, publicKey: publicKeyOf(nextKey) });
      world.startHub();
      await world.hub.start();
    }
    host.boot();
    await host.start();
    await world.clock.pass(40_000);
    expect(await host.uplinks.status()).toMatchObject([{ state: 'up' }]);
    expect(world.ports?.members[0]?.publicKey).toBe(host.publicKey);
    expect(host.disk.get('uplink0')?.nextKey).toBeUndefined();
  });
});
