/** Asks a segment for its router: what is sent, which answer counts, and how it ends. */
import { beforeEach, expect, test } from 'vitest';
import { routerProbe } from '../../../plugin/leasing/segment/router-probe.ts';
import { decodeNdpFrame, encodeNdpFrame } from '../../../plugin/ndp/frame.ts';
import { FakeClock } from '../../support/time/fake-clock.ts';
import { CLIENT_MAC } from '../../support/frames/messages.ts';
import { advertisement } from '../ndp/ndp-messages.ts';

const FROM = { link: 'eth1.500', mac: CLIENT_MAC };

let clock: FakeClock;
let sent: Uint8Array[];
let open: number;
let hear: (frame: Uint8Array) => void;
let fails: ((error: Error) => void) | undefined;
beforeEach(() => {
  clock = new FakeClock();
  sent = [];
  open = 0;
});

function ask(signal = new AbortController().signal) {
  const probe = routerProbe({
    clock,
    openIpv6Socket: (_place, _mac, handlers) => {
      open += 1;
      hear = (frame) => handlers.onFrame(frame, { checksumReady: true });
      fails = (error) => handlers.onError(error);
      const send = (frame: Uint8Array) => void sent.push(frame);
      return { listen() {}, send, sendFromLink: send, close: () => void (open -= 1) };
    },
  });
  return probe(FROM, { by: clock.now() + 2_000, signal });
}
const leftOver = () => [open, clock.pending];

test('the first default router that answers; others do not count', async () => {
  const answer = ask();
  hear(Uint8Array.of(1, 2, 3));
  hear(encodeNdpFrame(advertisement({ routerLifetime: 0 }, 'fe80::9')));
  hear(encodeNdpFrame(advertisement({}, 'fe80::1')));
  expect(await answer).toBe('fe80::1');
  expect(sent.map((frame) => decodeNdpFrame(frame, { checksumReady: true }).message.type)).toEqual([
    'router-solicitation',
  ]);
  expect(leftOver()).toEqual([0, 0]);
});

test('nobody answers: three solicitations, then nothing is left', async () => {
  const answer = ask();
  await clock.pass(2_000);
  expect(await answer).toBeUndefined();
  expect(sent).toHaveLength(3);
  expect(leftOver()).toEqual([0, 0]);
});

test('a socket that fails, and a call that is cancelled, end it', async () => {
  const failed = ask();
  fails?.(new Error('the link is gone'));
  await expect(failed).rejects.toThrow('the link is gone');
  const calls = new AbortController();
  const cancelled = ask(calls.signal);
  calls.abort(new Error('dockerd waits no longer'));
  await expect(cancelled).rejects.toThrow('dockerd waits no longer');
  await expect(ask(calls.signal)).rejects.toThrow('dockerd waits no longer');
  expect(leftOver()).toEqual([0, 0]);
});
