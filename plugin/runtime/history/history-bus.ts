/**
 * Numbers events, keeps the last of them in memory, and hands each to the subscribers. To emit
 * costs the emitter no waiting, and no subscriber can make it fail.
 */
import type { Clock } from '../../clock.ts';
import type { Recorded } from './recorded.ts';

/** @typeParam Counted what happens too often for a history: counters alone are told of it. */
export class HistoryBus<Event extends object, Counted extends object = never> {
  readonly #clock: Pick<Clock, 'wall'>;
  readonly #size: number;
  readonly #isCounted: (event: Event | Counted) => event is Counted;
  /** Oldest first. At most twice `#size`, so that the oldest are cut off in one go. */
  #events: Recorded<Event>[] = [];
  readonly #subscribers = new Set<(event: Recorded<Event>) => void>();
  readonly #counters = new Set<(event: Event | Counted) => void>();
  #lastId = 0;

  /** @param size how many events are kept. */
  constructor(
    clock: Pick<Clock, 'wall'>,
    size: number,
    isCounted: (event: Event | Counted) => event is Counted,
  ) {
    this.#clock = clock;
    this.#size = size;
    this.#isCounted = isCounted;
  }

  /**
   * Takes over what happened before a restart. To be called once, before anything subscribes.
   * @returns what has happened since the start, with its numbers as they are now.
   */
  adopt(former: readonly Recorded<Event>[]): readonly Recorded<Event>[] {
    const shift = former.at(-1)?.id ?? 0;
    const early = this.#events.map((event) => ({ ...event, id: event.id + shift }));
    this.#events = [...former, ...early];
    this.#lastId += shift;
    this.#cut();
    return early;
  }

  readonly emit = (event: Event | Counted): void => {
    tell(this.#counters, event);
    if (this.#isCounted(event)) return;
    this.#lastId += 1;
    const recorded = { id: this.#lastId, at: isoTime(this.#clock.wall()), ...event };
    this.#events.push(recorded);
    if (this.#events.length >= this.#size * 2) this.#cut();
    tell(this.#subscribers, recorded);
  };

  /** The last events, oldest first. At most `size`. */
  list(): readonly Recorded<Event>[] {
    return this.#events.slice(-this.#size);
  }

  /** @returns a function that ends it. */
  subscribe(subscriber: (event: Recorded<Event>) => void): () => void {
    this.#subscribers.add(subscriber);
    return () => void this.#subscribers.delete(subscriber);
  }

  /** The counter is told of everything, also of what is only counted. */
  count(counter: (event: Event | Counted) => void): void {
    this.#counters.add(counter);
  }

  #cut(): void {
    this.#events = this.#events.slice(-this.#size);
  }
}

/** A subscriber that fails is told no more. A log line would be the next event. */
function tell<Told>(subscribers: Set<(event: Told) => void>, event: Told): void {
  for (const subscriber of subscribers) {
    try {
      subscriber(event);
    } catch {
      subscribers.delete(subscriber);
    }
  }
}

/** `Date` refuses a time that no calendar has. */
function isoTime(wall: number): string {
  const date = new Date(wall);
  return Number.isNaN(date.getTime()) ? 'unknown' : date.toISOString();
}
