/** The member's end of a stream: a UDP port for WireGuard, over streams that come and go. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Carrier } from '../../../plugin/uplink/streams/carrier.ts';
import type { StreamEvents } from '../../../plugin/uplink/streams/datagram-stream.ts';
import { FakeClock } from '../../support/time/fake-clock.ts';
import { until } from '../../support/lab/netns.ts';
import { data, initiation, response } from '../../support/frames/wireguard-messages.ts';

interface Opened {
  readonly events: StreamEvents;
  readonly sent: Buffer[];
  isClosed: boolean;
}

let clock: FakeClock;
let streams: Opened[];
let told: unknown[];
let carrier: Carrier;
let wireguard: Socket;
let heard: Buffer[];

beforeEach(async () => {
  clock = new FakeClock();
  [streams, told, heard] = [[], [], []];
  carrier = await Carrier.open({
    clock,
    firstDelay: 250,
    longestDelay: 1_000,
    patience: 3_000,
    told: (what) => told.push(what),
    open: (events) => {
      const opened: Opened = { events, sent: [], isClosed: false };
      streams.push(opened);
      return {
        send: (datagram) => void opened.sent.push(Buffer.from(datagram)),
        close: () => (opened.isClosed = true),
      };
    },
  });
  wireguard = createSocket('udp4');
  wireguard.on('message', (message) => heard.push(message));
  await new Promise<void>((resolve) => wireguard.bind(0, '127.0.0.1', resolve));
});
afterEach(() => {
  carrier.close();
  wireguard.close();
});

const stream = (at = 0): Opened => streams[at]!;
const say = (datagram: Buffer, from = wireguard): void => {
  from.send(datagram, Number(carrier.endpoint.split(':')[1]), '127.0.0.1');
};

it('keeps the first handshake until the stream is open, and passes both ways', async () => {
  say(initiation(7));
  say(Buffer.from('no message of WireGuard'));
  await until('the handshake passes', () => {
    stream().events.opened();
    return stream().sent.length > 0;
  });
  expect(stream().sent).toEqual([initiation(7)]);
  stream().events.datagram(Buffer.from('no message of WireGuard'));
  stream().events.datagram(response(8)); // before the port of WireGuard is known
  carrier.serve(wireguard.address().port);
  await until('the answer comes', () => heard.length > 0);
  expect(heard).toEqual([response(8)]);
  expect(told).toContain('opened');
});

it('takes nothing from others of this host, once WireGuard has its port', async () => {
  carrier.serve(wireguard.address().port);
  stream().events.opened();
  const other = createSocket('udp4');
  say(data(64, 1), other);
  await once(other, 'listening');
  say(data(64, 2));
  await until('one came', () => stream().sent.length > 0);
  expect(stream().sent).toEqual([data(64, 2)]);
  other.close();
});

it('opens a stream that ended again, at growing intervals, and tells each reason once', async () => {
  const opens: number[] = [];
  for (let at = 0; at < 4; at += 1) {
    stream(at).events.ended('refused');
    const before = clock.now();
    while (streams.length === at + 1) await clock.pass(50);
    opens.push(clock.now() - before);
  }
  expect(opens).toEqual([250, 500, 1_000, 1_000]);
  expect([told, carrier.trouble]).toEqual([[{ ended: 'refused' }], 'refused']);
  stream(4).events.opened();
  carrier.serve(wireguard.address().port);
  stream(4).events.datagram(response()); // only a word of the hub shows that it works
  stream(4).events.ended('reset');
  await clock.pass(250);
  expect(streams).toHaveLength(6);
});

it('that is muted passes nothing, so that WireGuard follows another way', async () => {
  carrier.serve(wireguard.address().port);
  stream().events.opened();
  carrier.mute(true);
  stream().events.datagram(response(1));
  carrier.mute(false);
  stream().events.datagram(response(2));
  await until('one came', () => heard.length > 0);
  expect(heard).toEqual([response(2)]);
});

it('renewed, it leaves a stream of some seconds for a new one, and a young one in peace', async () => {
  carrier.renew();
  expect(streams).toHaveLength(1);
  await clock.pass(2_000);
  stream().events.opened();
  await clock.pass(2_999);
  carrier.renew();
  expect(streams).toHaveLength(1);
  await clock.pass(1);
  carrier.renew();
  expect([streams.length, stream().isClosed, carrier.isOpen]).toEqual([2, true, false]);
  stream().events.ended('closed'); // late word of the old one
  expect(carrier.trouble).toBeUndefined();
});

it('renewed because the host has another way, it leaves a young stream, too', () => {
  stream().events.opened();
  carrier.renew(true);
  expect([streams.length, stream().isClosed, carrier.isOpen]).toEqual([2, true, false]);
});

it('knows by the bytes of the last seconds whether a pause would harm', async () => {
  carrier.serve(wireguard.address().port);
  stream().events.opened();
  expect(carrier.isIdle).toBe(true);
  for (let at = 0; at < 60; at += 1) stream().events.datagram(data(1_452));
  expect(carrier.isIdle).toBe(false);
  await clock.pass(10_000);
  expect(carrier.isIdle).toBe(false);
  await clock.pass(20_000);
  expect(carrier.isIdle).toBe(true);
});
