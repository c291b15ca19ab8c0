// Asks who has an address. The probes have the link's own MAC, because another host may have the
// lease's MAC.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { decodeArpFrame } from '../../../plugin/acd/frame.ts';
import { SegmentInquiry } from '../../../plugin/leasing/segment/segment-inquiry.ts';
import { FakeClock } from '../../support/time/fake-clock.ts';
import { MemoryLogger } from '../../support/fakes/memory-logger.ts';
import { MemoryWire } from '../../support/lan/memory-packet-socket.ts';
import { ADDRESS, CLIENT_MAC, ip, mac } from '../../support/frames/messages.ts';

const LINK_MAC = mac('02:00:00:00:00:b0');
const OTHER = ip('192.0.2.51');

let clock: FakeClock;
let wire: MemoryWire;
let log: MemoryLogger;
let inquiry: SegmentInquiry;
beforeEach(() => {
  clock = new FakeClock();
  wire = new MemoryWire();
  log = new MemoryLogger();
  const { open: openSocket, openArp: openArpSocket } = wire;
  inquiry = new SegmentInquiry({ clock, log, openSocket, openArpSocket });
});
afterEach(() => {
  expect([clock.pending, wire.openSockets.length, wire.arpSockets.length]).toEqual([0, 0, 0]);
});

const ask = (address = ADDRESS) => inquiry.wearer('br500', LINK_MAC, address);

it('nobody: three probes from the link’s MAC and 0.0.0.0, 0.35 s', async () => {
  const asked = ask();
  await clock.pass(349);
  expect(wire.openSockets).toHaveLength(1);
  await clock.pass(1);
  expect(await asked).toBeUndefined();
  const probes = wire.sentArp.map(({ frame }) => decodeArpFrame(frame));
  expect(probes).toHaveLength(3);
  for (const probe of probes) {
    expect(probe).toMatchObject({
      ...{ operation: 'request', source: LINK_MAC, senderMac: LINK_MAC },
      ...{ senderAddress: '0.0.0.0', targetAddress: ADDRESS },
    });
  }
});

it('somebody, with the very MAC of the lease: known at once', async () => {
  const asked = ask();
  wire.claim(ADDRESS, CLIENT_MAC);
  expect(await asked).toBe(CLIENT_MAC);
});

it.each(['00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff', LINK_MAC])('%s is nobody', async (senderMac) => {
  const asked = ask();
  wire.claim(ADDRESS, mac(senderMac));
  await clock.pass(350);
  expect(await asked).toBeUndefined();
});

it('five hundred at once take as long as one, over one pair of sockets, each with its own answer', async () => {
  const asked = Array.from({ length: 500 }, (_, n) => ask(ip(`10.0.${n >> 8}.${n & 255}`)));
  const again = ask(ip('10.0.0.7'));
  expect([wire.openSockets.length, wire.arpSockets.length]).toEqual([1, 1]);
  wire.claim(ip('10.0.0.7'), CLIENT_MAC);
  await clock.pass(350);
  const answers = await Promise.all(asked);
  expect(answers.filter((by) => by !== undefined)).toEqual([CLIENT_MAC]);
  expect([answers[7], await again]).toEqual([CLIENT_MAC, CLIENT_MAC]);
});

it('a segment that cannot be asked is told, and counts as nobody', async () => {
  wire.arpProblem = new Error('ENODEV');
  expect(await ask()).toBeUndefined();
  wire.arpProblem = undefined;
  wire.openProblem = () => new Error('ENODEV');
  expect(await ask(OTHER)).toBeUndefined();
  expect(log.messages('warn')).toHaveLength(2);
});

it('a probe that the kernel refuses is only lost; `close` ends what is asked', async () => {
  wire.sendProblem = new Error('ENETDOWN');
  const asked = ask();
  await clock.pass(100);
  inquiry.close();
  expect(await asked).toBeUndefined();
});
