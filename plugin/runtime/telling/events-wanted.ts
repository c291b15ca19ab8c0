/** Which events a request wants: `since`, `type` and `follow` of its query. */
import { PluginError } from '../../vocabulary/errors.ts';
import type { EventsWanted } from './event-stream.ts';

interface Told {
  readonly id: number;
  readonly at: string;
  readonly type: string;
}

/**
 * @param known each type that there is.
 * @throws PluginError INVALID_REQUEST.
 */
export function eventsWanted<Event extends Told>(
  query: URLSearchParams,
  bus: { list(): readonly Event[] },
  known: Readonly<Record<string, string>>,
): EventsWanted<Event> {
  const since = sinceWanted(query.get('since'), bus);
  const types = query.get('type')?.split(',');
  const unknown = types?.find((type) => !Object.hasOwn(known, type));
  if (unknown !== undefined) {
    throw new PluginError(
      'INVALID_REQUEST',
      `type=${unknown.slice(0, 100)} is not a type of event; there are ${Object.keys(known).join(', ')}`,
    );
  }
  const follow = query.get('follow') ?? 'false';
  if (!['', 'true', 'false'].includes(follow)) {
    throw new PluginError('INVALID_REQUEST', `follow=${follow.slice(0, 100)} is not true or false`);
  }
  return {
    follow: follow !== 'false',
    wants: (event) => since(event) && (types === undefined || types.includes(event.type)),
  };
}

/** @param since the number of an event (those after it are wanted), an ISO time, or `now`. */
function sinceWanted(
  since: string | null,
  bus: { list(): readonly Told[] },
): (event: Told) => boolean {
  if (since === null || since === '') return () => true;
  if (since === 'now') {
    const last = bus.list().at(-1)?.id ?? 0;
    return ({ id }) => id > last;
  }
  if (/^\d{1,15}$/.test(since)) return ({ id }) => id > Number(since);
  const from = /^\d{4}-\d\d-\d\d/.test(since) ? Date.parse(since) : NaN;
  if (!Number.isNaN(from)) return ({ at }) => Date.parse(at) >= from;
  throw new PluginError(
    'INVALID_REQUEST',
    `since=${since.slice(0, 100)} is not the number of an event or an ISO time, such as 2026-11-28T03:00:00Z`,
  );
}
