/** Events for a reader that takes nothing: what waits for it must not grow without end. */
import { Writable } from 'node:stream';
import type { ServerResponse } from 'node:http';
import { expect, it } from 'vitest';
import { streamEvents } from '../../../../plugin/api/operator/event-stream.ts';
import { EventBus } from '../../../../plugin/events/event-bus.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

/** Takes the first write, and no more. */
class StuckResponse extends Writable {
  constructor() {
    super({ highWaterMark: 1, write: () => undefined });
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
  const response = new StuckResponse();
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
