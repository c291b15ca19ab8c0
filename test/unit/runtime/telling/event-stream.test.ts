/** Events for a reader that takes nothing: what waits for it must not grow without end. */
import { once } from 'node:events';
import { Writable } from 'node:stream';
import type { ServerResponse } from 'node:http';
import { expect, it } from 'vitest';
import { streamEvents } from '../../../../plugin/runtime/telling/event-stream.ts';
import { EventBus } from '../../../../plugin/events/event-bus.ts';
import { FakeClock } from '../../../support/time/fake-clock.ts';

type Taken = (chunk: Buffer, encoding: string, done: () => void) => void;

class FakeResponse extends Writable {
  constructor(write: Taken) {
    super({ highWaterMark: 1, write });
  }
  writeHead(): void {}
  flushHeaders(): void {}
  setTimeout(): void {}
}

const event = (message: string) =>
  ({ type: 'trouble', level: 'warn', message, fields: {} }) as const;

it('a follower that reads nothing is cut off, also while it is told the past', async () => {
  const bus = new EventBus(new FakeClock(), 1_000);
  for (let count = 0; count < 1_000; count += 1) bus.emit(event('past'));
  const response = new FakeResponse(() => undefined);
  const told = streamEvents(response as unknown as ServerResponse, bus, {
    wants: () => true,
    follow: true,
  });
  for (let count = 0; count < 1_000; count += 1) bus.emit(event('now'));
  expect(response.destroyed).toBe(false); // it may only be slow
  for (let count = 0; count < 2_000; count += 1) bus.emit(event('now'));
  expect(response.destroyed).toBe(true);
  await told;
});

it('a follower that takes the past slowly costs no listeners, of which Node would warn', async () => {
  const bus = new EventBus(new FakeClock(), 5_000);
  for (let count = 0; count < 5_000; count += 1) bus.emit(event('past'));
  let most = 0;
  let lines = 0;
  const response: Writable = new FakeResponse((chunk, _encoding, done) => {
    lines += chunk.toString().split('\n').length - 1;
    setImmediate(done);
    for (const name of ['close', 'error', 'drain']) most = Math.max(most, response.listenerCount(name)); // prettier-ignore
  });
  await streamEvents(response as unknown as ServerResponse, bus, {
    wants: () => true,
    follow: false,
  });
  await once(response, 'finish');
  expect(lines).toBe(5_000);
  expect(most).toBeLessThan(5);
});
