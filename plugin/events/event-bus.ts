/** The bus of the plugin's events, with its closed list. */
import type { Clock } from '../clock.ts';
import { HistoryBus } from '../runtime/history/history-bus.ts';
import { isCounted, type CountedEvent, type PluginEvent } from './events.ts';

export class EventBus extends HistoryBus<PluginEvent, CountedEvent> {
  /** @param size how many events are kept. */
  constructor(clock: Pick<Clock, 'wall'>, size: number) {
    super(clock, size, isCounted);
  }
}
