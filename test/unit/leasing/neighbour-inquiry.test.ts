/** Who on a segment has an IPv6 address: the question, and what counts as an answer. */
import { beforeEach, expect, it } from 'vitest';
import { NeighbourInquiry } from '../../../plugin/leasing/segment/neighbour-inquiry.ts';
import { decodeNdpFrame, encodeNdpFrame } from '../../../plugin/ndp/frame.ts';
import { FakeClock } from '../../support/time/fake-clock.ts';
import { MemoryLogger } from '../../support/fakes/memory-logger.ts';
import { ip6, mac } from '../../support/frames/messages.ts';
import { frame, OTHER_MAC } from '../ndp/ndp-messages.ts';

const LINK_MAC = mac('02:00:00:00:00:b0');
const ADDRESS = ip6('2001:db8:500::142');

let clock: FakeClock;
let log: MemoryLogger;
let sent: Uint8Array[];
let open: number;
let hear: (frame: Uint8Array) => void;
let problem: Error | undefined;
let inquiry: NeighbourInquiry;

beforeEach(() => {
  [clock, log] = [new FakeClock(), new MemoryLogger()];
  [sent, open, problem] = [[], 0, undefined];
  inquiry = new NeighbourInquiry({
    ...{ clock, log },
    openIpv6Socket: (_place, _mac, handlers) => {
      if (problem !== undefined) throw problem;
      open += 1;
      hear = (bytes) => handlers.onFrame(bytes, { checksumReady: true });
      const send = (bytes: Uint8Array) => void sent.push(bytes);
      return { listen() {}, send, sendFromLink: send, close: () => void (open -= 1) };
    },
  });
});

const ask = () => inquiry.owner('br500', LINK_MAC, ADDRESS);
const answerFor = (target: string) =>
  hear(
    encodeNdpFrame(
      frame(target, 'ff02::1', {
        type: 'neighbor-advertisement',
        ...{ isRouter: false, isSolicited: false, isOverride: true, target: ip6(target) },
        options: [],
      }),
    ),
  );

it('nobody answers three questions: nobody has it', async () => {
  const answer = ask();
  await clock.pass(360);
  expect(await answer).toBeUndefined();
  const asked = sent.map((bytes) => decodeNdpFrame(bytes, { checksumReady: true }));
  expect(asked.map(({ source, sourceMac }) => [source, sourceMac])).toEqual(
    Array.from({ length: 3 }, () => ['::', LINK_MAC]),
  );
  expect([open, clock.pending]).toEqual([0, 0]);
});

it('the host that has the address says so; one that has another does not count', async () => {
  const answer = ask();
  hear(Uint8Array.of(1, 2, 3));
  answerFor('2001:db8:500::143');
  answerFor(ADDRESS);
  expect(await answer).toBe(OTHER_MAC);
  expect([open, clock.pending]).toEqual([0, 0]);
});

it('a link that is not there: nobody is known to have it, with a warning', async () => {
  problem = new Error('no such link');
  expect(await ask()).toBeUndefined();
  expect(log.messages('warn')).toEqual(['the segment could not be asked who has an IPv6 address']);
});

it('closed: the question ends', async () => {
  const answer = ask();
  inquiry.close();
  expect(await answer).toBeUndefined();
  expect([open, clock.pending]).toEqual([0, 0]);
});
