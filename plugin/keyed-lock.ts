/** Asynchronous work that takes turns: what reads a state first and acts then must not interleave. */

/** One at a time per key, in the order of asking. Bounded by the calls in flight. */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<unknown>>();

  /** A failure of `fn` reaches only the one who asked. */
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

/** Runs its work after all that was asked for before. */
export type Queue = <Result>(work: () => Promise<Result>) => Promise<Result>;

/** A queue of its own. */
export function createQueue(): Queue {
  const lock = new KeyedLock();
  return (work) => lock.run('', work);
}
