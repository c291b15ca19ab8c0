/**
 * Runs asynchronous work one at a time, in the order asked for: for changes that read the kernel's state
 * first and must not interleave.
 */
export type Serially = <Result>(work: () => Promise<Result>) => Promise<Result>;

/** A queue of its own; a failure reaches only the one who asked. */
export function createQueue(): Serially {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const result = last.then(work, work);
    last = result.catch(() => undefined);
    return result;
  };
}
