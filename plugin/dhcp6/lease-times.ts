/** T1 and T2 from an IA (RFC 9915 §14.2, §21.4). */
import type { Ms } from '../vocabulary/time.ts';
import { secondsToMs } from '../vocabulary/time.ts';

/** How long an address is preferred and valid. */
export interface Lifetimes {
  readonly preferred: Ms;
  readonly valid: Ms;
}

/** RFC 9915 §21.4 recommends these parts of the shortest preferred lifetime. */
const T1_PART = 0.5;
const T2_PART = 0.8;

/** True if the client must ignore the whole IA (RFC 9915 §21.4). */
export function areTimesOutOfOrder({
  t1,
  t2,
}: {
  readonly t1: number;
  readonly t2: number;
}): boolean {
  return t2 !== 0 && t1 > t2;
}

/**
 * T1 and T2 as the server says. It leaves a time to the client by saying 0. A finite T1 that comes
 * after an address has ended is of no use, so it counts as 0.
 * @param ia seconds, as in the IA; in order.
 * @param lifetimes of the addresses; at least one.
 */
export function renewalTimesOf(
  ia: { readonly t1: number; readonly t2: number },
  lifetimes: readonly Lifetimes[],
): { readonly t1: Ms; readonly t2: Ms } {
  const shortest = Math.min(
    ...lifetimes.map(({ preferred, valid }) => (preferred > 0 ? preferred : valid)),
  );
  const firstEnd = Math.min(...lifetimes.map(({ valid }) => valid));
  const toldT1 = secondsToMs(ia.t1);
  const toldT2 = secondsToMs(ia.t2);
  const isTold = toldT1 > 0 && (toldT1 === Infinity || toldT1 < firstEnd);
  const defaultT1 = Math.round(shortest * T1_PART);
  const t1 = isTold ? toldT1 : Math.min(defaultT1, toldT2 > 0 ? toldT2 : Infinity);
  const t2 = toldT2 > 0 ? toldT2 : Math.max(t1, Math.round(shortest * T2_PART));
  return { t1, t2 };
}
