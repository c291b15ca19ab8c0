import { describe, expect, it } from 'vitest';
import { EventBus } from '../../../plugin/events/event-bus.ts';
import type { PluginEvent, RecordedEvent } from '../../../plugin/events/events.ts';
import { FakeClock } from '../../support/time/fake-clock.ts';

const started = (version: string): PluginEvent => ({ type: 'plugin.started', version });
const versions = (events: readonly RecordedEvent[]) =>
  events.map((event) => `${event.id} ${'version' in event ? event.version : event.type}`);

describe('the bus', () => {
  it('numbers events, and gives each its time', () => {
    const clock = new FakeClock({ wall: Date.UTC(2026, 10, 28, 3) });
    const bus = new EventBus(clock, 10);
    bus.emit(started('1'));
    expect(bus.list()).toEqual([
      { id: 1, at: '2026-11-28T03:00:00.000Z', type: 'plugin.started', version: '1' },
    ]);
  });

  it('what is only counted reaches counters, and has no number and no place in the history', () => {
    const bus = new EventBus(new FakeClock(), 10);
    const [counted, heard] = [[] as string[], [] as number[]];
    bus.count(({ type }) => counted.push(type));
    bus.subscribe(({ id }) => heard.push(id));
    bus.emit({ type: 'store.failed', what: 'save', kind: 'leases' });
    bus.emit(started('1'));
    expect([counted, heard]).toEqual([['store.failed', 'plugin.started'], [1]]);
    expect(bus.list()).toHaveLength(1);
  });

  it('keeps the last ones only, however many there were', () => {
    const bus = new EventBus(new FakeClock(), 3);
    for (let count = 1; count <= 1000; count += 1) bus.emit(started(String(count)));
    expect(versions(bus.list())).toEqual(['998 998', '999 999', '1000 1000']);
  });

  it('goes on with the numbers of before a restart, also for what happened meanwhile', () => {
    const bus = new EventBus(new FakeClock(), 10);
    bus.emit(started('early'));
    const early = bus.adopt([{ id: 41, at: 'then', ...started('former') }]);
    bus.emit(started('late'));
    expect(versions(early)).toEqual(['42 early']);
    expect(versions(bus.list())).toEqual(['41 former', '42 early', '43 late']);
  });

  it('a subscriber that fails disturbs neither the emitter nor the others, and is told no more', () => {
    const bus = new EventBus(new FakeClock(), 10);
    const [broken, heard] = [[] as number[], [] as number[]];
    bus.subscribe(({ id }) => {
      broken.push(id);
      throw new Error('broken');
    });
    const end = bus.subscribe(({ id }) => void heard.push(id));
    bus.emit(started('1'));
    bus.emit(started('2'));
    end();
    bus.emit(started('3'));
    expect({ broken, heard }).toEqual({ broken: [1], heard: [1, 2] });
  });

  it('a wall clock beyond all calendars does not disturb the emitter', () => {
    const bus = new EventBus({ wall: () => 9e15 }, 10);
    bus.emit(started('1'));
    expect(bus.list().map(({ at }) => at)).toEqual(['unknown']);
  });
});
