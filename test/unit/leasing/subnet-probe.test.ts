import { afterEach, beforeEach, expect, it } from 'vitest';
import { OPTION } from '../../../plugin/dhcp4/options.ts';
import { probeSubnet } from '../../../plugin/leasing/segment/subnet-probe.ts';
import { refusal } from '../../support/fakes/driver-rig.ts';
import { FakeClock } from '../../support/time/fake-clock.ts';
import { MemoryWire } from '../../support/lan/memory-packet-socket.ts';
import { ack, CLIENT_MAC, ip, mac, nak, offer, SERVER } from '../../support/frames/messages.ts';
import { seededRandom } from '../../support/time/seeded-random.ts';
import { subject } from './leasing-rig.ts';

let clock: FakeClock;
let wire: MemoryWire;
beforeEach(() => {
  clock = new FakeClock();
  wire = new MemoryWire();
});
afterEach(() => {
  expect([clock.pending, wire.openSockets]).toEqual([0, []]);
});

function probe(parts: Parameters<typeof subject>[0] = {}, signal = new AbortController().signal) {
  const deps = { clock, random: seededRandom(1), openSocket: wire.open };
  return probeSubnet(deps, subject(parts), 'eth1.500', { by: clock.now() + 6_000, signal });
}
/** Sends these offers one after the other until one is accepted. */
const offering = (...replies: (() => Parameters<typeof offer>[0])[]) => {
  wire.server = ({ message: { xid } }) => replies.map((parts) => offer({ xid, ...parts() }));
};

it('the terms of the first offer, and nothing after it: nothing is leased (RFC 2131 §3.1)', async () => {
  offering(
    () => ({}),
    () => ({ address: ip('192.0.2.99') }),
  );
  expect(await probe()).toMatchObject({ address: '192.0.2.50', prefixLength: 24, gateway: SERVER });
  expect(wire.sentTypes).toEqual(['DISCOVER']);
});

it('asks again after 0.5 s and 2 s: a new VLAN link may lose frames', async () => {
  const failed = refusal(probe());
  const sentAt: number[] = [];
  for (let at = 0; at < 6_000; at += 500) {
    sentAt.push(wire.sent.length);
    await clock.pass(500);
  }
  expect((await failed).code).toBe('NO_OFFER');
  expect(sentAt).toEqual([1, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3]);
  expect(wire.sent.map(({ message }) => message.secs)).toEqual([0, 1, 2]);
  expect(new Set(wire.sent.map(({ message }) => message.xid)).size).toBe(1);
});

it.each([
  ['another transaction', { xid: 1 }],
  ['another client', { header: { chaddr: mac('02:00:00:00:00:77') } }],
  ['no server id', { serverId: null }],
  ['a lease time of 0', { leaseSec: 0 }],
  ['no address of a host', { address: ip('0.0.0.0') }],
])('an offer with %s does not count, the next one does', async (_what, parts) => {
  offering(
    () => parts,
    () => ({ address: ip('192.0.2.99') }),
  );
  expect((await probe()).address).toBe('192.0.2.99');
});

it.each([ack, nak])('no other message is an offer', async (reply) => {
  wire.server = ({ message: { xid } }) => [reply({ xid })];
  const failed = refusal(probe());
  await clock.pass(6_000);
  expect((await failed).code).toBe('NO_OFFER');
});

it('a server that is not allowed does not count', async () => {
  offering(
    () => ({}),
    () => ({ serverId: ip('192.0.2.2'), address: ip('192.0.2.99') }),
  );
  expect((await probe({ allowedServers: [ip('192.0.2.2')] })).address).toBe('192.0.2.99');
});

it('a broken frame is no reason to give up', async () => {
  const asked = probe();
  wire.sockets[0]!.receive(Uint8Array.of(1, 2, 3));
  offering(() => ({}));
  await clock.pass(500);
  expect((await asked).address).toBe('192.0.2.50');
});

it('a frame that the kernel refuses is sent again', async () => {
  wire.sendProblem = new Error('network is down');
  const asked = probe();
  wire.sendProblem = undefined;
  offering(() => ({}));
  await clock.pass(500);
  expect((await asked).address).toBe('192.0.2.50');
});

it('the socket cannot be opened, or loses its link: that is told', async () => {
  wire.openProblem = () => new Error('no such device');
  expect((await refusal(probe())).message).toBe('no such device');
  wire.openProblem = () => undefined;
  const failed = refusal(probe());
  wire.sockets[0]!.fail(new Error('link is gone'));
  expect((await failed).message).toBe('link is gone');
});

it('cancelled before or while it asks', async () => {
  const why = new Error('dockerd waits no longer');
  expect((await refusal(probe({}, AbortSignal.abort(why)))).code).toBe('CANCELLED');
  expect(wire.sockets).toEqual([]);
  const cancel = new AbortController();
  const failed = refusal(probe({}, cancel.signal));
  cancel.abort(why);
  expect(await failed).toEqual({
    code: 'CANCELLED',
    message: 'dockerd waits no longer, while asking on VLAN 500 of eth1',
  });
});

it('asks for no address, with the identity that it was given', async () => {
  offering(() => ({}));
  await probe();
  const [{ message, place }] = wire.sent as [(typeof wire.sent)[0]];
  expect([message.chaddr, message.options.has(OPTION.REQUESTED_ADDRESS)]).toEqual([
    CLIENT_MAC,
    false,
  ]);
  expect(place).toEqual({ link: 'eth1.500', promiscuous: true });
});
