/**
 * Events, as lines of JSON (NDJSON) unless another form is asked for: first those of before, then,
 * if asked, each as it happens. A client that does not keep up is cut off, because what waits for
 * it is memory of the plugin.
 */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { EventBus } from '../../events/event-bus.ts';
import type { RecordedEvent } from '../../events/events.ts';

/** Lines that are written at once, between two looks at what the client takes. */
const LINES_AT_ONCE = 200;
const MOST_WAITING_BYTES = 1_000_000;
/** Events that come while the past is written. */
const MOST_SINCE = 2_000;

export interface EventsWanted {
  /** True for each event that the client wants. */
  readonly wants: (event: RecordedEvent) => boolean;
  readonly follow: boolean;
}

/** How events are written. */
export interface EventForm {
  readonly type: string;
  /** Written before the first event. */
  readonly head?: string;
  readonly text: (event: RecordedEvent) => string;
}

const LINES: EventForm = {
  type: 'application/x-ndjson',
  text: (event) => `${JSON.stringify(event)}\n`,
};

export async function streamEvents(
  response: ServerResponse,
  bus: Pick<EventBus, 'list' | 'subscribe'>,
  { wants, follow }: EventsWanted,
  form: EventForm = LINES,
): Promise<void> {
  if (response.destroyed) return;
  const lines = (events: readonly RecordedEvent[]) => events.map(form.text).join('');
  response.writeHead(200, { 'Content-Type': form.type });
  if (follow) response.setTimeout(0); // nothing may happen for days
  const past = bus.list().filter(wants);
  // What happens while the past is written comes after it.
  const since: RecordedEvent[] = [];
  let isLive = false;
  const unsubscribe = follow
    ? bus.subscribe((event) => {
        if (!wants(event)) return;
        if (!isLive && since.push(event) > MOST_SINCE) response.destroy();
        if (isLive) response.write(lines([event]));
        if (response.writableLength > MOST_WAITING_BYTES) response.destroy();
      })
    : () => undefined;
  const gone = new AbortController();
  response.once('close', () => {
    unsubscribe();
    gone.abort();
  });
  response.flushHeaders();
  if (form.head !== undefined) response.write(form.head);
  for (let from = 0; from < past.length; from += LINES_AT_ONCE) {
    if (response.destroyed) return;
    const isTaken = response.write(lines(past.slice(from, from + LINES_AT_ONCE)));
    if (isTaken) continue;
    // Its listeners go with it. Those of a second `once` in a race would stay.
    await once(response, 'drain', { signal: gone.signal }).catch(() => undefined);
  }
  if (response.destroyed) return;
  if (!follow) return void response.end();
  if (since.length > 0) response.write(lines(since));
  isLive = true;
}
