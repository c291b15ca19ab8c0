/**
 * Makes asynchronous work take turns. Work that reads a state and then acts on it must not
 * interleave.
 */

/**
 * Runs one piece of work at a time for each key, in the order of the calls. Its size is bounded by
 * the calls in flight.
 */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<unknown>>();

  /** If `fn` fails, only its own caller gets the error. */
  async run<T>(key: string, fn: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const mine = before.then(fn, fn);
    const tail = mine.catch(() => undefined);
    this.#tails.set(key, tail);
    try {
      return await mine;
    } finally {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    }
  }
}

/** Runs work after all work that was queued before. */
export type Queue = <Result>(work: () => Promise<Result>) => Promise<Result>;

/** Makes a new queue. */
export function createQueue(): Queue {
  const lock = new KeyedLock();
  return (work) => lock.run('', work);
}
