import { describe, expect, it } from 'vitest';
import { decodeFrame } from '../../../plugin/dhcp4/frame.ts';
import { messageTypeOf, OPTION } from '../../../plugin/dhcp4/options.ts';
import { ClientRunner } from '../../../plugin/leasing/client-runner.ts';
import { decodeEthernet } from '../../../plugin/wire/ethernet.ts';
import { decodeIpv4 } from '../../../plugin/wire/ipv4.ts';
import { FakeClock } from '../../support/time/fake-clock.ts';
import { MemoryLogger } from '../../support/fakes/memory-logger.ts';
import { replyFrame } from '../../support/lan/memory-packet-socket.ts';
import { ack, ADDRESS, CLIENT_MAC, clientConfig, offer, SERVER, SERVER_MAC } from '../../support/frames/messages.ts'; // prettier-ignore
import { seededRandom } from '../../support/time/seeded-random.ts';

/** A runner whose sent frames are kept. */
function rig() {
  const clock = new FakeClock();
  const log = new MemoryLogger();
  const frames: Uint8Array[] = [];
  let receive: (frame: Uint8Array) => void = () => undefined;
  /** A problem that does not stop the socket. It is reported at each `listen`. */
  const trouble: { now: Error | undefined } = { now: undefined };
  const runner = new ClientRunner(clientConfig(), {
    clock,
    random: seededRandom(1),
    log,
    openSocket: (_place, _mac, handlers) => {
      receive = (frame) => handlers.onFrame(frame, { checksumReady: true });
      return {
        listen: () => void (trouble.now && handlers.onTrouble?.(trouble.now)),
        send: (frame) => void frames.push(frame),
        sendFromLink: () => undefined,
        close: () => undefined,
      };
    },
    onLease: () => undefined,
    onRefused: () => undefined,
    onStranger: () => undefined,
    onCheck: () => undefined,
    onMoved: () => undefined,
    mayDecline: () => true,
  });
  runner.open({ link: 'vdc0' }, () => undefined);
  return { runner, clock, log, frames, trouble, receive: (frame: Uint8Array) => receive(frame) };
}

const decode = (frame: Uint8Array) => decodeFrame(frame, { checksumReady: true, port: 67 }).message;

function lease() {
  const all = rig();
  all.runner.dispatch({ type: 'start' });
  const { xid } = decode(all.frames[0]!);
  all.receive(replyFrame(offer({ xid })));
  all.receive(replyFrame(ack({ xid })));
  return all;
}

describe('frames', () => {
  it('speaks from 0.0.0.0 to everybody until it has a lease, then from the lease to its server (RFC 2131 §4.1)', async () => {
    const { frames, clock, runner } = lease();
    await clock.pass(2_000_000);
    const seen = frames.map((frame) => {
      const ethernet = decodeEthernet(frame);
      const { source, destination } = decodeIpv4(ethernet.payload);
      const type = messageTypeOf(decode(frame).options);
      return [type, ethernet.source, ethernet.destination, source, destination];
    });
    const everybody = ['ff:ff:ff:ff:ff:ff', '0.0.0.0', '255.255.255.255'];
    expect(seen.slice(0, 3)).toEqual([
      ['DISCOVER', CLIENT_MAC, ...everybody],
      ['REQUEST', CLIENT_MAC, ...everybody],
      ['REQUEST', CLIENT_MAC, SERVER_MAC, ADDRESS, SERVER],
    ]);
    runner.stop();
  });

  it('ignores FORCERENEW (RFC 3203 asks for RFC 3118 or 6704)', () => {
    const { receive, runner, frames, log } = lease();
    const { xid } = decode(frames[0]!);
    receive(replyFrame(ack({ xid, options: [[OPTION.MESSAGE_TYPE, Uint8Array.of(9)]] })));
    expect([runner.stateName, frames.length]).toEqual(['BOUND', 2]);
    expect(log.lines.at(-1)).toMatchObject({ fields: { reason: 'not-a-reply' } });
    runner.stop();
  });
});

describe('a socket that does without something', () => {
  it('is told once, and renewals go out all the same', async () => {
    const { trouble, frames, clock, log } = lease();
    const before = frames.length;
    trouble.now = new Error('bind: EACCES');
    await clock.pass(3_500_000);
    const types = frames.slice(before).map((frame) => messageTypeOf(decode(frame).options));
    expect(types.length).toBeGreaterThan(2);
    expect(new Set(types)).toEqual(new Set(['REQUEST']));
    expect(log.messages('warn').filter((line) => line.includes('port 68'))).toHaveLength(1);
    expect(log.messages('warn')).not.toContain('dhcp message could not be sent');
    expect(log.messages('debug').filter((line) => line.includes('port 68')).length).toBeGreaterThan(
      1,
    );
  });
});
