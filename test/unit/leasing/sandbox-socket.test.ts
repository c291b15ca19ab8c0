import { beforeEach, describe, expect, it } from 'vitest';
import { replyFrame } from '../../support/lan/memory-packet-socket.ts';
import { ack } from '../../support/frames/messages.ts';
import { BRIDGE, KEY, LeasingRig, LINK, subject } from './leasing-rig.ts';

const INSIDE = { netnsPath: '/netns/1', link: 'eth0', speaksVia: 'br500', defendsFrom: 'br500' };
const ON_BRIDGE = { link: BRIDGE, promiscuous: true };
const FALLBACK_SAID = /sandbox cannot be entered/;

let rig: LeasingRig;
beforeEach(async () => {
  rig = new LeasingRig();
  await rig.acquire();
});

describe('following a link into its sandbox', () => {
  it('a link that is there already is entered at once', () => {
    rig.sandbox = { link: 'eth0' };
    rig.follow();
    expect(rig.restsAt).toEqual(INSIDE);
  });

  it('looks soon and often at first, since libnetwork moves the link right after Join', async () => {
    rig.follow();
    expect(rig.places).toEqual([{ link: LINK }]);
    await rig.clock.pass(10);
    expect(rig.probes).toHaveLength(2);
    rig.sandbox = { link: 'eth0' };
    await rig.clock.pass(20);
    expect(rig.restsAt).toEqual(INSIDE);
  });

  it('as long as the link is not moved the lease stays on it: a busy host takes its time', async () => {
    rig.sandbox = 'here';
    rig.follow();
    await rig.clock.pass(60_000);
    expect(rig.places).toEqual([{ link: LINK }]);
    expect(rig.probes.length).toBeLessThan(100);
    rig.sandbox = { link: 'eth0' };
    await rig.clock.pass(2000);
    expect(rig.restsAt).toEqual(INSIDE);
  });

  it('a link that came back from the sandbox is kept over the bridge', async () => {
    rig.sandbox = { link: 'eth0' };
    rig.follow();
    rig.sandbox = 'here';
    rig.loseSandbox(); // the second announcement notices it
    await rig.clock.pass(10_000);
    expect(rig.places).toEqual([ON_BRIDGE]);
  });

  it('no sandbox within two seconds: the lease is kept over the bridge, without a warning', async () => {
    rig.follow();
    await rig.clock.pass(2000);
    expect(rig.places).toEqual([ON_BRIDGE]);
    expect(rig.log.messages('warn')).toEqual([]);
  });

  it('a link that shows up late is entered all the same (docker pause, slow runtimes)', async () => {
    rig.follow();
    await rig.clock.pass(600_000);
    rig.sandbox = { link: 'eth0' };
    await rig.clock.pass(2000);
    expect(rig.restsAt).toEqual(INSIDE);
    const looks = rig.probes.length;
    await rig.clock.pass(60_000);
    expect(rig.probes).toHaveLength(looks);
  });

  it('a sandbox that cannot be entered is said once (libnetwork.md §7: /run not shared)', async () => {
    rig.sandbox = 'not-a-namespace';
    rig.follow();
    await rig.clock.pass(600_000);
    expect(rig.log.messages('warn').filter((text) => FALLBACK_SAID.test(text))).toHaveLength(1);
    expect(rig.places).toEqual([ON_BRIDGE]);
  });

  it('a sandbox that shows up late and cannot be entered is said, too (engines before 28)', async () => {
    rig.follow();
    await rig.clock.pass(10_000);
    rig.sandbox = 'not-a-namespace';
    await rig.clock.pass(10_000);
    expect(rig.log.messages('warn').filter((text) => FALLBACK_SAID.test(text))).toHaveLength(1);
  });

  it('a renewal over the bridge works', async () => {
    rig.sandbox = 'not-a-namespace';
    rig.follow();
    await rig.clock.pass(1_900_000);
    expect(rig.wire.sent.at(-1)).toMatchObject({ type: 'REQUEST', place: ON_BRIDGE });
    expect(rig.changes).toMatchObject([{ change: 'renewed' }]);
  });

  it('a renewal from inside the sandbox works', async () => {
    rig.sandbox = { link: 'eth0' };
    rig.follow();
    await rig.clock.pass(1_900_000);
    expect(rig.wire.sent.at(-1)).toMatchObject({ type: 'REQUEST', place: INSIDE });
    expect(rig.changes).toMatchObject([{ change: 'renewed' }]);
  });

  it('a lease that is held has no socket; a renewal has one until its answer, or for 10 s', async () => {
    rig.sandbox = { link: 'eth0' };
    rig.follow();
    await rig.clock.pass(5_000);
    expect(rig.restsAt).toEqual(INSIDE);
    rig.wire.server = () => [];
    const sent = rig.wire.sent.length;
    while (rig.wire.sent.length === sent) await rig.clock.pass(1_000);
    expect(rig.wire.openSockets).toMatchObject([{ isListening: true, place: INSIDE }]);
    await rig.clock.pass(10_000); // no answer: our socket in the sandbox is closed
    expect(rig.restsAt).toEqual(INSIDE);
    rig.wire.server = rig.server.answer;
    await rig.clock.pass(1_800_000);
    expect(rig.changes.at(-1)).toMatchObject({ change: 'renewed' });
    expect([rig.restsAt, rig.clock.pending]).toEqual([INSIDE, 1]); // T1
  });

  it('a socket that cannot be opened for a renewal is tried again, and the lease is renewed', async () => {
    rig.sandbox = { link: 'eth0' };
    rig.follow();
    await rig.clock.pass(5_000);
    rig.wire.openProblem = () => new Error('EMFILE');
    while (rig.log.messages('warn').length === 0) await rig.clock.pass(1_000);
    expect(rig.log.messages('warn')).toEqual(['dhcp message could not be sent']);
    rig.wire.openProblem = () => undefined;
    await rig.clock.pass(900_000);
    expect(rig.changes).toMatchObject([{ change: 'renewed' }]);
    expect(rig.restsAt).toEqual(INSIDE);
  });

  it('a link of the same name that is another one is not spoken from', async () => {
    rig.sandbox = { link: 'eth0' };
    rig.follow();
    await rig.clock.pass(5_000);
    rig.wire.index = 77;
    rig.sandbox = 'not-yet';
    const sent = rig.wire.sent.length;
    while (rig.wire.sent.length === sent) await rig.clock.pass(1_000);
    expect(rig.wire.sent.at(-1)).toMatchObject({ type: 'REQUEST', place: ON_BRIDGE });
    expect(rig.places).toEqual([ON_BRIDGE]);
  });

  it('an answer that comes just after the move is heard', async () => {
    rig.wire.server = () => [];
    rig.follow();
    await rig.clock.pass(1_900_000); // a renewal over the bridge without an answer
    const { xid } = rig.wire.sent.at(-1)!.message;
    rig.sandbox = { link: 'eth0' };
    await rig.clock.pass(2000);
    expect(rig.wire.openSockets).toMatchObject([{ isListening: true, place: INSIDE }]);
    rig.wire.openSockets[0]!.receive(replyFrame(ack({ xid })));
    expect(rig.changes).toMatchObject([{ change: 'renewed' }]);
  });

  it('a sandbox that is found but cannot be entered leaves the lease on the bridge', async () => {
    rig.sandbox = { link: 'eth0' };
    rig.wire.openProblem = ({ netnsPath }) => (netnsPath ? new Error('EPERM') : undefined);
    rig.follow();
    await rig.clock.pass(60_000);
    expect(rig.places).toEqual([ON_BRIDGE]);
  });

  it('a bridge that could not be used at first is tried again', async () => {
    rig.wire.openProblem = ({ link }) => (link === BRIDGE ? new Error('no such link') : undefined);
    rig.follow();
    await rig.clock.pass(10_000);
    expect(rig.places).toEqual([]);
    expect(rig.log.messages('warn')).toEqual(['lease socket could not be opened in the host']);
    rig.wire.openProblem = () => undefined;
    await rig.clock.pass(2000);
    expect(rig.places).toEqual([ON_BRIDGE]);
  });

  it('a bridge that is made anew is taken again', async () => {
    rig.follow();
    await rig.clock.pass(5000);
    rig.wire.openSockets[0]!.fail(new Error('link is gone'));
    await rig.clock.pass(2000);
    expect(rig.places).toEqual([ON_BRIDGE]);
  });

  it('a link that is lost inside is looked for again, then kept over the bridge', async () => {
    rig.sandbox = { link: 'eth0' };
    rig.follow();
    rig.sandbox = 'not-yet';
    rig.loseSandbox(); // the second announcement notices it
    await rig.clock.pass(10_000);
    expect(rig.places).toEqual([ON_BRIDGE]);
    rig.wire.openProblem = () => undefined;
    rig.sandbox = { link: 'eth1' };
    await rig.clock.pass(2000);
    expect(rig.restsAt).toEqual({ ...INSIDE, link: 'eth1' });
  });

  it('a lease socket that rests is told of its lost link by the ARP socket of a probe', async () => {
    rig = new LeasingRig();
    await rig.acquire({ acd: 'optimistic' });
    rig.sandbox = { link: 'eth0' };
    rig.follow();
    await rig.clock.pass(0);
    rig.sandbox = 'not-yet';
    rig.loseSandbox();
    expect(rig.restsAt).toEqual(INSIDE);
    rig.wire.arpSockets.at(-1)!.fail(new Error('link is gone'));
    expect(rig.places).toEqual([]);
    await rig.clock.pass(10_000);
    expect(rig.places).toEqual([ON_BRIDGE]);
  });

  it('leaving and joining again while the link is here: it has a socket all the same', async () => {
    rig.sandbox = 'here';
    rig.follow();
    rig.service.unfollow(KEY);
    rig.follow();
    await rig.clock.pass(2000);
    expect(rig.places).toEqual([ON_BRIDGE]);
  });

  it('unfollowing closes the socket and stops looking; the lease stays', async () => {
    rig.follow();
    rig.service.unfollow(KEY);
    const looks = rig.probes.length;
    rig.sandbox = { link: 'eth0' };
    await rig.clock.pass(60_000);
    expect(rig.probes).toHaveLength(looks);
    expect(rig.places).toEqual([]);
    expect([rig.service.size, rig.clock.pending]).toEqual([1, 1]); // T1
  });

  it('leaving and joining again follows again (trap 22)', async () => {
    rig.sandbox = { link: 'eth0' };
    rig.follow();
    rig.service.unfollow(KEY);
    rig.follow();
    expect(rig.restsAt).toEqual(INSIDE);
    rig.service.close();
    await rig.clock.pass(60_000);
    expect([rig.places.length, rig.clock.pending]).toEqual([0, 0]);
  });

  it('releasing, forgetting and closing stop looking', () => {
    for (const end of ['release', 'forget', 'close'] as const) {
      rig.follow();
      if (end === 'release') rig.service.release(subject(), undefined, BRIDGE);
      else rig.service[end](KEY);
      expect([rig.places.length, rig.clock.pending]).toEqual([0, 0]);
    }
  });
});
