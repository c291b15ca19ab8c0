/** The last events, the newest first. */
import { useState } from 'preact/hooks';
import { factsOf } from '../../cli/views/event-lines.ts';
import { localTime } from '../../cli/views/times.ts';
import type { RecordedEvent } from '../../plugin/events/events.ts';
import { macOf, subjectOfEvent, toneOf } from '../model/events.ts';
import { pure } from './pure.ts';

const FIRST = 30;
const MORE = 200;

export interface EventListProps {
  /** Oldest first. */
  readonly events: readonly RecordedEvent[];
  /** @param subject as `subjectOf` tells it. */
  readonly nameOf: (subject: string) => string | undefined;
}

export function EventList({ events, nameOf }: EventListProps) {
  const [count, setCount] = useState(FIRST);
  const shown = events.slice(-count).reverse();
  return (
    <section aria-label="Events">
      <h2>Events</h2>
      {shown.length === 0 && <p class="empty">No event.</p>}
      <ul class="events">
        {shown.map((event) => (
          <EventItem key={event.id} event={event} whose={whoseOf(event, nameOf)} />
        ))}
      </ul>
      {events.length > count && (
        <button type="button" class="more" onClick={() => setCount(count + MORE)}>
          Show older
        </button>
      )}
    </section>
  );
}

function whoseOf(event: RecordedEvent, nameOf: EventListProps['nameOf']): string {
  const subject = subjectOfEvent(event);
  return subject === undefined ? '' : (nameOf(subject) ?? macOf(event) ?? '');
}

export const EventItem = pure(
  ({ event, whose }: { readonly event: RecordedEvent; readonly whose: string }) => (
    <li class={toneOf(event)}>
      <time dateTime={event.at}>{localTime(event.at)}</time>
      <span class="type">{event.type}</span>
      <span class="what">
        {whose !== '' && <bdi class="whose">{whose}</bdi>}
        <bdi>{factsOf(event)}</bdi>
      </span>
    </li>
  ),
);
