/** An event of a history, and how a line of a history on disk is read. It may be damaged. */

/** Numbered in the order in which they happened. Numbers go on after a restart. */
export type Recorded<Event> = Event & {
  readonly id: number;
  /** ISO time. */
  readonly at: string;
};

/** Requests take numbers of 15 digits. So the next numbers fit, too. */
const LARGEST_ID = 10 ** 15 - 1_000_000;

/** What a line must be, so that readers can rely on it. */
export interface LineRule {
  /** Each type that there is. */
  readonly types: Readonly<Record<string, string>>;
  /** Fields that readers take for a text without a look. */
  readonly texts: readonly string[];
}

/** @returns undefined if it is no event of this version. */
export function readLine<Event extends object>(
  line: string,
  { types, texts }: LineRule,
): Recorded<Event> | undefined {
  try {
    const value = JSON.parse(line) as Readonly<Record<string, unknown>> | null;
    if (value === null || typeof value !== 'object') return undefined;
    const { id, at, type } = value;
    if (!Number.isInteger(id) || !(Number(id) > 0 && Number(id) <= LARGEST_ID)) return undefined;
    if (typeof at !== 'string') return undefined;
    if (typeof type !== 'string' || !Object.hasOwn(types, type)) return undefined;
    const isText = (name: string) => !(name in value) || typeof value[name] === 'string';
    return texts.every(isText) ? (value as unknown as Recorded<Event>) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * In the order of their numbers, each number once. A number that is damaged takes no other event
 * away.
 */
export function inOrder<Event extends { readonly id: number }>(events: readonly Event[]): Event[] {
  const byId = new Map<number, Event>();
  for (const event of events) if (!byId.has(event.id)) byId.set(event.id, event);
  return [...byId.values()].sort((one, other) => one.id - other.id);
}
