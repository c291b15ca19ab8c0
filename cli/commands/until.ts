/** A command that goes on until the person wants no more, or until its time is over. */

export interface Until {
  readonly signal: AbortSignal;
  /** Ends it now. */
  readonly stop: () => void;
  /** To be called in the end, so that no timer is left. */
  readonly done: () => void;
}

/** @param ms undefined: without a limit. */
export function until(ended: AbortSignal, ms: number | undefined): Until {
  const enough = new AbortController();
  const stop = () => enough.abort();
  // Not AbortSignal.timeout: Node may collect one that only AbortSignal.any listens to.
  const timer = ms === undefined ? undefined : setTimeout(stop, ms);
  ended.addEventListener('abort', stop);
  const done = () => {
    clearTimeout(timer);
    ended.removeEventListener('abort', stop);
  };
  return { signal: enough.signal, stop, done };
}
