/** What hub and uplink tell operators alike: their start and end, and what went wrong. */
import type { TroubleEvent } from '../../runtime/history/trouble.ts';

export type CommonEvent =
  TroubleEvent | { readonly type: 'service.started' | 'service.stopped'; readonly version: string };

/** Each type, and what it tells. */
export const COMMON_EVENTS: Readonly<Record<CommonEvent['type'], string>> = {
  trouble: 'A line of the log of level warn, error or fatal.',
  'service.started': 'The service started. Links of before go on.',
  'service.stopped': 'The service was stopped. The links stay.',
};

/** One sentence, for people. */
export function commonSentence(event: CommonEvent): string {
  switch (event.type) {
    case 'trouble': {
      // A line of a damaged history may have none.
      const fields = Object.entries(event.fields ?? {}).filter(([key]) => key !== 'link');
      const facts = fields.map(([key, value]) => `${key} ${String(value)}`).join(', ');
      return `${event.level}: ${event.message}${facts === '' ? '' : ` (${facts})`}`;
    }
    case 'service.started':
      return `The service started, version ${event.version}.`;
    case 'service.stopped':
      return `The service was stopped, version ${event.version}. The links stay.`;
  }
}
