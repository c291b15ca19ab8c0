/**
 * Numbers events, keeps the last of them in memory, and hands each to the subscribers. To emit
 * costs the emitter no waiting, and no subscriber can make it fail.
 */
import type { Clock } from '../clock.ts';
import type { PluginEvent, RecordedEvent } from './events.ts';

export type Subscriber = (event: RecordedEvent) => void;

export class EventBus {
  readonly #clock: Pick<Clock, 'wall'>;
  readonly #size: number;
  /** Oldest first. At most twice `#size`, so that the oldest are cut off in one go. */
  #events: RecordedEvent[] = [];
  readonly #subscribers = new Set<Subscriber>();
  #lastId = 0;

  /** @param size how many events are kept. */
  constructor(clock: Pick<Clock, 'wall'>, size: number) {
    this.#clock = clock;
    this.#size = size;
  }

  /**
   * Takes over what happened before a restart. To be called once, before anything subscribes.
   * @returns what has happened since the start, with its numbers as they are now.
   */
  adopt(former: readonly RecordedEvent[]): readonly RecordedEvent[] {
    const shift = former.at(-1)?.id ?? 0;
    const early = this.#events.map((event) => ({ ...event, id: event.id + shift }));
    this.#events = [...former, ...early];
    this.#lastId += shift;
    this.#cut();
    return early;
  }

  readonly emit = (event: PluginEvent): void => {
    this.#lastId += 1;
    const recorded = { id: this.#lastId, at: isoTime(this.#clock.wall()), ...event };
    this.#events.push(recorded);
    if (this.#events.length >= this.#size * 2) this.#cut();
    for (const subscriber of this.#subscribers) {
      try {
        subscriber(recorded);
      } catch {
        // A subscriber that fails is told no more. A log line would be the next event.
        this.#subscribers.delete(subscriber);
      }
    }
  };

  /** The last events, oldest first. At most `size`. */
  list(): readonly RecordedEvent[] {
    return this.#events.slice(-this.#size);
  }

  /** @returns a function that ends it. */
  subscribe(subscriber: Subscriber): () => void {
    this.#subscribers.add(subscriber);
    return () => void this.#subscribers.delete(subscriber);
  }

  #cut(): void {
    this.#events = this.#events.slice(-this.#size);
  }
}

/** `Date` refuses a time that no calendar has. */
function isoTime(wall: number): string {
  const date = new Date(wall);
  return Number.isNaN(date.getTime()) ? 'unknown' : date.toISOString();
}
