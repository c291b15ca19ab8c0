import { afterEach, beforeEach, expect, it } from 'vitest';
import { ADDRESS, ip, lease } from '../../support/frames/messages.ts';
import { BRIDGE, KEY, LeasingRig, subject } from './leasing-rig.ts';

const PLACE = { link: 'eth1.500', promiscuous: true, shared: true };
const T1 = 1_900_000;

let rig: LeasingRig;
beforeEach(async () => {
  rig = new LeasingRig();
  await rig.acquire({ isForeign: true });
});
afterEach(() => {
  rig.service.close();
  expect([rig.clock.pending, rig.places]).toEqual([0, []]);
});

const gone = () => {
  rig.wire.openProblem = () => new Error('no such device');
};
const back = () => {
  rig.wire.openProblem = () => undefined;
};

it('a client stays on a link of the host: its lease is renewed there', async () => {
  rig.service.stay(KEY, PLACE);
  expect(rig.places).toEqual([PLACE]);
  await rig.clock.pass(T1);
  expect(rig.wire.sent.at(-1)).toMatchObject({ type: 'REQUEST', place: PLACE });
  expect(rig.wire.sentArp).toEqual([]);
});

it('the link is not there: it is looked for after 2 s, then less often, and the lease is kept meanwhile', async () => {
  gone();
  const { openProblem } = rig.wire;
  const looks: number[] = [];
  rig.wire.openProblem = (...place) => {
    looks.push(rig.clock.now());
    return openProblem(...place);
  };
  rig.service.stay(KEY, PLACE);
  await rig.clock.pass(100_000);
  expect(looks.map((at) => at - looks[0]!)).toEqual([0, 2, 6, 14, 30, 60, 90].map((s) => s * 1000));
  back();
  expect(rig.places).toEqual([]);
  await rig.clock.pass(30_000);
  expect([rig.places, rig.changes]).toEqual([[PLACE], []]);
});

it('the link flaps: each time it is looked for at once', async () => {
  rig.service.stay(KEY, PLACE);
  for (const longer of [20_000, 20_000]) {
    gone();
    for (const socket of rig.wire.openSockets) socket.fail(new Error('gone'));
    await rig.clock.pass(longer);
    back();
    await rig.clock.pass(30_000);
    expect(rig.places).toEqual([PLACE]);
  }
  for (const socket of rig.wire.openSockets) socket.fail(new Error('gone'));
  await rig.clock.pass(2_000);
  expect(rig.places).toEqual([PLACE]);
});

it('a message that cannot be sent is told once, whatever its retransmissions, and again after the next trouble', async () => {
  const told = () => rig.log.messages('warn').filter((m) => m === 'dhcp message could not be sent');
  rig.service.stay(KEY, PLACE);
  for (const count of [1, 2]) {
    gone();
    for (const socket of rig.wire.openSockets) socket.fail(new Error('gone'));
    await rig.clock.pass(T1 + 900_000);
    expect(told()).toHaveLength(count);
    back();
    await rig.clock.pass(600_000);
  }
  expect(rig.changes.at(-1)).toMatchObject({ change: 'renewed' });
});

it('a renewal that could not be sent is sent when the link is back, and not at its next time', async () => {
  rig.service.stay(KEY, PLACE);
  gone();
  for (const socket of rig.wire.openSockets) socket.fail(new Error('gone'));
  await rig.clock.pass(T1);
  const sent = rig.wire.sent.length;
  back();
  await rig.clock.pass(30_000);
  expect(rig.wire.sent.slice(sent)).toMatchObject([{ type: 'REQUEST', place: PLACE }]);
  expect(rig.changes).toMatchObject([{ change: 'renewed' }]);
});

it('a renewal whose answer may be lost is repeated when the container has its address again', async () => {
  rig.service.stay(KEY, PLACE);
  const { server } = rig.wire;
  rig.wire.server = () => [];
  await rig.clock.pass(T1);
  const sent = rig.wire.sent.length;
  rig.wire.server = server;
  rig.service.announce(KEY);
  expect(rig.wire.sent).toHaveLength(sent);
  rig.service.announce(KEY, true);
  await rig.clock.pass(1);
  expect(rig.changes).toMatchObject([{ change: 'renewed' }]);
  rig.service.announce(KEY, true); // nothing is asked for
  expect(rig.wire.sent).toHaveLength(sent + 1);
});

it('the link goes away and comes back', async () => {
  rig.service.stay(KEY, PLACE);
  gone();
  for (const socket of rig.wire.openSockets) socket.fail(new Error('gone'));
  await rig.clock.pass(10_000);
  expect(rig.places).toEqual([]);
  back();
  await rig.clock.pass(5_000);
  expect(rig.places).toEqual([PLACE]);
});

it.each(['release', 'forget', 'follow', 'stay'] as const)(
  '%s ends the search for the link',
  async (call) => {
    gone();
    rig.service.stay(KEY, PLACE);
    back();
    if (call === 'release') rig.service.release(subject(), undefined, BRIDGE);
    else if (call === 'forget') rig.service.forget(KEY);
    else if (call === 'follow') rig.follow();
    else rig.service.stay(KEY, { link: 'other' });
    await rig.clock.pass(5_000);
    expect(rig.wire.sockets.some(({ place }) => place.link === PLACE.link)).toBe(false);
  },
);

it('an unknown client stays nowhere', () => {
  rig.service.stay('nobody', PLACE);
  expect(rig.places).not.toContainEqual(PLACE);
});

it('taken up after a restart with T1 behind it: the first REQUEST finds its socket', async () => {
  const old = lease({ requestedAt: rig.clock.now() - T1 });
  const sent = rig.wire.sent.length;
  rig.service.resume(subject({ isForeign: true }), old, { stay: PLACE });
  await rig.clock.pass(10_000);
  expect(rig.wire.sent.slice(sent)).toMatchObject([{ type: 'REQUEST', place: PLACE }]);
  expect(rig.log.messages('warn')).toEqual([]);
});

it('taken up while the link is missing: kept in time', async () => {
  gone();
  rig.service.resume(subject(), lease({ requestedAt: rig.clock.now() }), { stay: PLACE });
  back();
  await rig.clock.pass(2_000);
  expect([rig.places, rig.service.size]).toEqual([[PLACE], 1]);
});

it('pinned to its address, a client takes no other when the server moves it', async () => {
  rig.service.stay(KEY, PLACE);
  rig.service.pin(KEY);
  rig.server.forgetClients(30);
  await rig.clock.pass(T1 + 600_000);
  expect(rig.changes).toMatchObject([{ change: 'lost', cause: 'nak' }]);
  rig.server.reserve('0077656231', ADDRESS);
  await rig.clock.pass(120_000);
  expect(rig.changes[1]).toMatchObject({ change: 'acquired', lease: { address: ADDRESS } });
});

it('pinned, it takes no other after a failure either', async () => {
  rig.service.stay(KEY, PLACE);
  rig.service.pin(KEY);
  await rig.failAtNextChange();
  await rig.clock.pass(2_000); // the client is started again
  rig.server.forgetClients(30);
  await rig.clock.pass(T1 + 600_000);
  expect(rig.changes).toMatchObject([{ change: 'lost', cause: 'nak' }]);
});

it('pinned while it waits to be started again, too', async () => {
  rig.service.stay(KEY, PLACE);
  await rig.failAtNextChange();
  rig.service.pin(KEY);
  rig.server.forgetClients(30);
  await rig.clock.pass(T1 + 600_000);
  expect(rig.changes).toMatchObject([{ change: 'lost', cause: 'nak' }]);
});

it('not pinned it takes another', async () => {
  rig.service.stay(KEY, PLACE);
  rig.server.forgetClients(30);
  await rig.clock.pass(T1 + 600_000);
  expect(rig.changes[1]).toMatchObject({
    change: 'acquired',
    lease: { address: ip('192.0.2.80') },
  });
});
