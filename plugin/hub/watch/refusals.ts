/**
 * What an operator is told of calls that the registrar refuses. A member that asks all the time
 * must not push out the history, so each refusal is counted, and told once in a while.
 */
import type { Clock } from '../../clock.ts';
import type { JsonCall } from '../../uplink/json-http.ts';
import type { Instant, Ms } from '../../vocabulary/time.ts';
import type { Answer } from '../registrar/hub-answers.ts';
import type { HubCounted, HubEvent, Refused } from './hub-events.ts';

const TOLD_AGAIN: Ms = 600_000;
/** For each member about one for each call and reason. */
const MOST_TOLD = 2_000;

const REASONS: Readonly<Record<number, Refused>> = {
  400: 'malformed',
  403: 'not-allowed',
  404: 'no-such-call',
  409: 'token-used',
  410: 'token-expired',
  429: 'too-often',
  503: 'not-now',
};

export const REFUSALS: readonly Refused[] = Object.values(REASONS);

/** The calls that the registrar has. What else somebody asks is one call. */
const CALL = /^(GET|POST|PUT|DELETE) \/v1\/(members|self(\/(key|path|request))?)$/;

/** By a refusal of this call a member learns that it was revoked. That is as it should be. */
const HEARS_ITS_END = 'GET /v1/self';

export interface RefusalsDeps {
  readonly clock: Pick<Clock, 'now'>;
  readonly emit: (event: HubEvent | HubCounted) => void;
  readonly nameAt: (address: string) => string | undefined;
}

/** @returns what to call after each answer of the registrar. */
export function refusals({
  clock,
  emit,
  nameAt,
}: RefusalsDeps): (call: Pick<JsonCall, 'method' | 'path' | 'from'>, answer: Answer) => void {
  /** When it was told last. At most MOST_TOLD. */
  const told = new Map<string, Instant>();
  return ({ method, path, from }, { status, body }) => {
    const reason = REASONS[status];
    const asked = `${method} ${path}`;
    if (reason === undefined || (status === 403 && asked === HEARS_ITS_END)) return;
    emit({ type: 'refusal', reason });
    const call = CALL.test(asked) ? asked : 'another call';
    const key = `${from} ${call} ${reason}`;
    const now = clock.now();
    if (now - (told.get(key) ?? -Infinity) < TOLD_AGAIN) return;
    told.delete(key);
    told.set(key, now);
    const [oldest] = told.keys();
    if (told.size > MOST_TOLD && oldest !== undefined) told.delete(oldest);
    const { error = '', usedBy } = (body ?? {}) as { error?: string; usedBy?: string };
    const member = nameAt(from);
    if (reason === 'token-used' && member !== undefined) {
      return emit({ type: 'token.used-again', member, usedBy: usedBy ?? 'another host' });
    }
    emit({ type: 'call.refused', member, from, call, reason, error });
  };
}
