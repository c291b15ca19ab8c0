/**
 * Events, as lines of JSON (NDJSON) unless another form is asked for: first those of before, then,
 * if asked, each as it happens. A client that does not keep up is cut off, because what waits for
 * it is memory of the plugin.
 */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';

/** Lines that are written at once, between two looks at what the client takes. */
const LINES_AT_ONCE = 200;
const MOST_WAITING_BYTES = 1_000_000;
/** Events that come while the past is written. */
const MOST_SINCE = 2_000;

interface Numbered {
  readonly id: number;
}

/** What a stream needs of the history. */
export interface EventSource<Event> {
  list(): readonly Event[];
  subscribe(subscriber: (event: Event) => void): () => void;
}

export interface EventsWanted<Event> {
  /** True for each event that the client wants. */
  readonly wants: (event: Event) => boolean;
  readonly follow: boolean;
}

/** How events are written. */
export interface EventForm {
  readonly type: string;
  /** Written before the first event. */
  readonly head?: string;
  readonly text: (event: Numbered) => string;
}

const LINES: EventForm = {
  type: 'application/x-ndjson',
  text: (event) => `${JSON.stringify(event)}\n`,
};

export async function streamEvents<Event extends Numbered>(
  response: ServerResponse,
  bus: EventSource<Event>,
  { wants, follow }: EventsWanted<Event>,
  form: EventForm = LINES,
): Promise<void> {
  if (response.destroyed) return;
  const lines = (events: readonly Event[]) => events.map(form.text).join('');
  response.writeHead(200, { 'Content-Type': form.type });
  if (follow) response.setTimeout(0); // nothing may happen for days
  const past = bus.list().filter(wants);
  // What happens while the past is written comes after it.
  const since: Event[] = [];
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
