/**
 * Events for browsers (server-sent events, HTML §9.2). A browser that lost the connection comes
 * back and names the last event that it has.
 */
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { RecordedEvent } from '../../events/events.ts';
import {
  streamEvents,
  type EventForm,
  type EventSource,
  type EventsWanted,
} from '../../runtime/telling/event-stream.ts';
import type { Ms } from '../../vocabulary/time.ts';

/** How soon a browser comes back. */
const RETRY: Ms = 1_000;
/** Proxies end connections on which nothing happens for a minute. */
const SIGN_OF_LIFE: Ms = 20_000;

const FORM: EventForm = {
  type: 'text/event-stream',
  head: `retry: ${RETRY}\n\n`,
  text: (event) => `id: ${event.id}\ndata: ${JSON.stringify(event)}\n\n`,
};

export function wantsServerSentEvents({ accept = '' }: IncomingHttpHeaders): boolean {
  return accept.includes(FORM.type);
}

/** @returns the request's path and query, from the last event on that the browser has. */
export function resumed(target: string, { 'last-event-id': last }: IncomingHttpHeaders): string {
  if (typeof last !== 'string' || !/^\d{1,15}$/.test(last)) return target;
  const [path = '', text = ''] = target.split('?');
  const query = new URLSearchParams(text);
  query.set('since', last);
  return `${path}?${query.toString()}`;
}

export async function streamServerSentEvents(
  response: ServerResponse,
  bus: EventSource<RecordedEvent>,
  wanted: EventsWanted<RecordedEvent>,
): Promise<void> {
  const timer = setInterval(() => response.write(':\n\n'), SIGN_OF_LIFE);
  response.once('close', () => clearInterval(timer));
  await streamEvents(response, bus, wanted, FORM);
}
