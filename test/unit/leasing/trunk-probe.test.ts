import { beforeEach, expect, it } from 'vitest';
import { decodeFrame, encodeFrame } from '../../../plugin/dhcp4/frame.ts';
import {
  probeTrunk,
  type OpenTrunkSocket,
  type VlanAnswer,
} from '../../../plugin/leasing/segment/trunk-probe.ts';
import { refusal } from '../../support/driver-rig.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { ip, mac, offer, SERVER, SERVER_MAC } from '../../support/messages.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const PARENT_MAC = mac('02:00:00:00:00:0a');
let clock: FakeClock;
let sent: { vlan: number; at: number }[];
let isOpen: boolean;
/** Called with each question. Gives the frames that come back, and by which VLAN. */
let answer: (vlan: number, xid: number) => readonly { vlan: number; server?: string }[];

beforeEach(() => {
  [clock, sent, isOpen] = [new FakeClock(), [], false];
  answer = () => [];
});

const openTrunkSocket: OpenTrunkSocket = (_parent, handlers) => {
  isOpen = true;
  return {
    mac: PARENT_MAC,
    send: (frame, vlan) => {
      sent.push({ vlan, at: clock.now() });
      const { message } = decodeFrame(frame, { checksumReady: true, port: 67 });
      for (const { vlan: vlanId, server = SERVER } of answer(vlan, message.xid)) {
        const reply = offer({
          xid: message.xid,
          serverId: ip(server),
          header: { chaddr: PARENT_MAC },
        });
        const bytes = encodeFrame({
          ...{ sourceMac: SERVER_MAC, destinationMac: PARENT_MAC },
          ...{ sourceAddress: ip(server), destinationAddress: ip('255.255.255.255') },
          message: reply,
        });
        clock.at(clock.now() + 5, () => handlers.onFrame(bytes, { checksumReady: true, vlanId }));
      }
    },
    close: () => (isOpen = false),
  };
};

const probe = (vlans: readonly number[], signal = new AbortController().signal) =>
  probeTrunk(
    { clock, random: seededRandom(5), openTrunkSocket },
    { parent: 'eth1', vlans, signal },
  );

async function probed(vlans: readonly number[]): Promise<readonly VlanAnswer[]> {
  const result = probe(vlans);
  await clock.pass(60_000);
  return result;
}

it('each VLAN is asked twice, at a bounded rate, unless it has answered', async () => {
  answer = (vlan) => (vlan === 7 ? [{ vlan: 7 }] : []);
  const vlans = Array.from({ length: 4094 }, (_, index) => index + 1);
  const found = await probed(vlans);
  expect(found.map(({ vlan, roundTripMs }) => [vlan, roundTripMs])).toEqual([[7, 5]]);
  expect(sent.length).toBe(2 * 4094 - 1);
  expect(Math.max(...sent.map(({ at }) => at)) - sent[0]!.at).toBeLessThan(33_000);
  expect([isOpen, clock.pending]).toEqual([false, 0]);
});

it('two servers on a VLAN are two answers; made-up ones are bounded', async () => {
  answer = (vlan) =>
    Array.from({ length: 20 }, (_, host) => ({ vlan, server: `192.0.2.${host + 1}` }));
  expect((await probed([5])).map(({ server }) => server)).toEqual([
    ...['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'],
  ]);
});

it('an answer by another VLAN is told as that', async () => {
  answer = (vlan) => (vlan === 10 ? [{ vlan: 600 }] : []);
  expect(await probed([10, 600])).toMatchObject([{ vlan: 600, askedVlan: 10 }]);
});

it('stopped: no timer and no socket stays', async () => {
  const controller = new AbortController();
  const failed = refusal(probe([1, 2, 3], controller.signal));
  await clock.pass(10);
  controller.abort();
  expect((await failed).code).toBe('CANCELLED');
  expect([isOpen, clock.pending]).toEqual([false, 0]);
});
