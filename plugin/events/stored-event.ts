/** Reads a line of the history on disk. It may be damaged, or of another version of the plugin. */
import { EVENT_TYPES, type RecordedEvent } from './events.ts';

/** The admin API takes numbers of 15 digits. So the next numbers fit, too. */
const LARGEST_ID = 10 ** 15 - 1_000_000;

/** What readers take for a text without a look. */
const TEXTS = [
  ...['network', 'endpoint', 'mac', 'segment', 'link', 'address', 'before', 'server', 'by'],
  ...['cause', 'message', 'reason', 'text', 'call', 'error', 'version', 'mode', 'level'],
];

/** @returns undefined if it is no event of this version. */
export function storedEvent(line: string): RecordedEvent | undefined {
  try {
    const value = JSON.parse(line) as Readonly<Record<string, unknown>> | null;
    if (value === null || typeof value !== 'object') return undefined;
    const { id, at, type } = value;
    if (!Number.isInteger(id) || !(Number(id) > 0 && Number(id) <= LARGEST_ID)) return undefined;
    if (typeof at !== 'string') return undefined;
    if (typeof type !== 'string' || !Object.hasOwn(EVENT_TYPES, type)) return undefined;
    const isText = (name: string) => !(name in value) || typeof value[name] === 'string';
    return TEXTS.every(isText) ? (value as unknown as RecordedEvent) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * In the order of their numbers, each number once. A number that is damaged takes no other event
 * away.
 */
export function inOrder(events: readonly RecordedEvent[]): RecordedEvent[] {
  const byId = new Map<number, RecordedEvent>();
  for (const event of events) if (!byId.has(event.id)) byId.set(event.id, event);
  return [...byId.values()].sort((one, other) => one.id - other.id);
}
